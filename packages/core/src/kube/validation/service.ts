/** Rules of Services. Source of rules and texts: kubernetes `pkg/apis/core/validation/validation.go` (ValidateService, ValidateServiceUpdate). */
import type { Service, ServicePort, ServiceSpec } from '../../api/core.ts';
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../errors/field-error.ts';
import { parseCidr, parseIp } from '../net/ip.ts';
import { validateLabels } from './meta.ts';
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPortName,
  checkPortNumber,
  checkQualifiedName,
} from './names.ts';

/** Text for what is no IP address. */
export const IP_TEXT = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const CIDR_TEXT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
/** Longest ClientIP affinity, seconds. */
const MAX_AFFINITY_SECONDS = 86_400;

/** True for a Service without a ClusterIP of its own. */
export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';
}

/** True when the Service can be reached from outside by node port, load balancer address or external address. */
export function isExternallyAccessible(spec: ServiceSpec): boolean {
  return (
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  );
}

/** True when a health check node port belongs to the Service. */
export function needsHealthCheck(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Checks the spec of a Service whose defaults are filled in. */
export function validateService(service: Service): FieldError[] {
  const { spec } = service;
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateAddresses(spec),
    ...validateTraffic(spec),
    ...validateLoadBalancer(spec),
    ...validateFamilies(spec),
  ];
}

function validateType(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.type) errors.push(requiredField('spec.type'));
  else if (!TYPES.includes(spec.type)) errors.push(unsupportedField('spec.type', spec.type, TYPES));
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec))
    errors.push(invalidField('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (spec.type === 'ExternalName') {
    if ((spec.clusterIPs ?? []).length > 0 || spec.clusterIP)
      errors.push(forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services'));
    if (!spec.externalName) errors.push(requiredField('spec.externalName'));
    else
      for (const text of checkDns1123Subdomain(spec.externalName.replace(/\.$/, '')))
        errors.push(invalidField('spec.externalName', spec.externalName, text));
  }
  return errors;
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') errors.push(requiredField('spec.ports'));
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = `spec.ports[${i}]`;
    errors.push(...validatePort(port, at, ports.length > 1, names));
    const number = `${port.protocol}/${port.port}`;
    if (numbers.has(number)) errors.push(duplicateField(at, { port: port.port, protocol: port.protocol }));
    numbers.add(number);
    if (port.nodePort) {
      if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer')
        errors.push(forbiddenField(`${at}.nodePort`, `may not be used when \`type\` is '${spec.type}'`));
      const node = `${port.protocol}/${port.nodePort}`;
      if (nodePorts.has(node)) errors.push(duplicateField(`${at}.nodePort`, port.nodePort));
      nodePorts.add(node);
    }
    if (spec.type === 'LoadBalancer' && port.port === 10250)
      errors.push(
        invalidField(`${at}.port`, 10250, 'may not expose port 10250 externally since it is used by kubelet'),
      );
  }
  return errors;
}

function validatePort(port: ServicePort, at: string, requireName: boolean, names: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (!port.name) {
    if (requireName) errors.push(requiredField(`${at}.name`));
  } else {
    for (const text of checkDns1123Label(port.name)) errors.push(invalidField(`${at}.name`, port.name, text));
    if (names.has(port.name)) errors.push(duplicateField(`${at}.name`, port.name));
    names.add(port.name);
  }
  for (const text of checkPortNumber(port.port)) errors.push(invalidField(`${at}.port`, port.port, text));
  if (!port.protocol) errors.push(requiredField(`${at}.protocol`));
  else if (!PROTOCOLS.includes(port.protocol))
    errors.push(unsupportedField(`${at}.protocol`, port.protocol, PROTOCOLS));
  if (port.targetPort !== undefined) {
    const problems =
      typeof port.targetPort === 'number' ? checkPortNumber(port.targetPort) : checkPortName(port.targetPort);
    for (const text of problems) errors.push(invalidField(`${at}.targetPort`, port.targetPort, text));
  }
  if (port.appProtocol)
    for (const text of checkQualifiedName(port.appProtocol))
      errors.push(invalidField(`${at}.appProtocol`, port.appProtocol, text));
  return errors;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  if (!spec.sessionAffinity) return [requiredField('spec.sessionAffinity')];
  if (spec.sessionAffinity !== 'None' && spec.sessionAffinity !== 'ClientIP')
    return [unsupportedField('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None'])];
  if (spec.sessionAffinity === 'None')
    return spec.sessionAffinityConfig
      ? [forbiddenField('spec.sessionAffinityConfig', 'must not be set when session affinity is None')]
      : [];
  const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds === undefined) return [requiredField(path, 'must be set when session affinity is ClientIP')];
  return seconds <= 0 || seconds > MAX_AFFINITY_SECONDS
    ? [invalidField(path, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)]
    : [];
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, ip] of (spec.externalIPs ?? []).entries())
    for (const text of checkNonSpecialIp(ip)) errors.push(invalidField(`spec.externalIPs[${i}]`, ip, text));
  const clusterIPs = spec.clusterIPs ?? [];
  if (spec.clusterIP && clusterIPs.length > 0 && clusterIPs[0] !== spec.clusterIP)
    errors.push(invalidField('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  for (const [i, ip] of clusterIPs.entries()) {
    const path = `spec.clusterIPs[${i}]`;
    if (ip === 'None') {
      if (i > 0) errors.push(invalidField(path, ip, 'must be empty'));
    } else if (!parseIp(ip)) errors.push(invalidField(path, ip, IP_TEXT));
  }
  if (clusterIPs.length > 2) errors.push(invalidField('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  return errors;
}

/** An address that may be reached from elsewhere: none of the special ranges. */
export function checkNonSpecialIp(text: string): string[] {
  const ip = parseIp(text);
  if (!ip) return [IP_TEXT];
  const within = (cidr: string): boolean => {
    const range = parseCidr(cidr);
    return range !== undefined && range.family === ip.family && ip.value >= range.first && ip.value <= range.last;
  };
  const problems: string[] = [];
  if (ip.value === 0n) problems.push(`may not be unspecified (${text})`);
  if (within('127.0.0.0/8') || within('::1/128'))
    problems.push('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (within('169.254.0.0/16') || within('fe80::/10'))
    problems.push('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (within('224.0.0.0/24') || within('ff02::/16'))
    problems.push('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  return problems;
}

function validateTraffic(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const external = spec.externalTrafficPolicy;
  if (!isExternallyAccessible(spec)) {
    if (external)
      errors.push(
        invalidField('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'),
      );
  } else if (!external) errors.push(requiredField('spec.externalTrafficPolicy'));
  else if (external !== 'Cluster' && external !== 'Local')
    errors.push(unsupportedField('spec.externalTrafficPolicy', external, ['Cluster', 'Local']));
  if (spec.healthCheckNodePort) {
    if (!needsHealthCheck(spec))
      errors.push(
        invalidField(
          'spec.healthCheckNodePort',
          spec.healthCheckNodePort,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
    else
      for (const text of checkPortNumber(spec.healthCheckNodePort))
        errors.push(invalidField('spec.healthCheckNodePort', spec.healthCheckNodePort, text));
  }
  const internal = spec.internalTrafficPolicy;
  if (internal && internal !== 'Cluster' && internal !== 'Local')
    errors.push(unsupportedField('spec.internalTrafficPolicy', internal, ['Cluster', 'Local']));
  const distribution = spec.trafficDistribution;
  if (distribution && !['PreferClose', 'PreferSameNode', 'PreferSameZone'].includes(distribution))
    errors.push(
      unsupportedField('spec.trafficDistribution', distribution, ['PreferClose', 'PreferSameNode', 'PreferSameZone']),
    );
  return errors;
}

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  const isLoadBalancer = spec.type === 'LoadBalancer';
  if ((spec.loadBalancerSourceRanges ?? []).length > 0 && !isLoadBalancer)
    errors.push(forbiddenField('spec.loadBalancerSourceRanges', only));
  for (const [i, cidr] of (spec.loadBalancerSourceRanges ?? []).entries())
    if (!parseCidr(cidr.trim())) errors.push(invalidField(`spec.loadBalancerSourceRanges[${i}]`, cidr, CIDR_TEXT));
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer)
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', only));
  if (spec.loadBalancerClass !== undefined) {
    if (!isLoadBalancer) errors.push(forbiddenField('spec.loadBalancerClass', only));
    for (const text of checkQualifiedName(spec.loadBalancerClass))
      errors.push(invalidField('spec.loadBalancerClass', spec.loadBalancerClass, text));
  }
  return errors;
}

function validateFamilies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  if (spec.ipFamilyPolicy && !policies.includes(spec.ipFamilyPolicy))
    errors.push(unsupportedField('spec.ipFamilyPolicy', spec.ipFamilyPolicy, policies));
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (family !== 'IPv4' && family !== 'IPv6')
      errors.push(unsupportedField(`spec.ipFamilies[${i}]`, family, ['IPv4', 'IPv6']));
  if (spec.type === 'ExternalName') return errors;
  if (spec.ipFamilyPolicy === 'RequireDualStack')
    errors.push(
      invalidField('spec.ipFamilyPolicy', 'RequireDualStack', 'this cluster is not configured for dual-stack services'),
    );
  if (spec.ipFamilies?.[0] === 'IPv6')
    errors.push(invalidField('spec.ipFamilies[0]', 'IPv6', 'not configured on this cluster'));
  return errors;
}

/** What an update may not change. */
export function validateServiceUpdate(next: Service, old: Service): FieldError[] {
  const errors: FieldError[] = [];
  const had = old.spec.type !== 'ExternalName';
  const has = next.spec.type !== 'ExternalName';
  const oldIP = old.spec.clusterIPs?.[0];
  if (had && has && oldIP && next.spec.clusterIPs?.[0] !== oldIP)
    errors.push(invalidField('spec.clusterIPs[0]', next.spec.clusterIPs ?? [], 'may not change once set'));
  if (old.spec.type === 'LoadBalancer' && next.spec.type === 'LoadBalancer') {
    if (old.spec.loadBalancerClass !== next.spec.loadBalancerClass)
      errors.push(invalidField('spec.loadBalancerClass', next.spec.loadBalancerClass, 'may not change once set'));
    if (
      needsHealthCheck(old.spec) &&
      needsHealthCheck(next.spec) &&
      old.spec.healthCheckNodePort !== next.spec.healthCheckNodePort
    )
      errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}
