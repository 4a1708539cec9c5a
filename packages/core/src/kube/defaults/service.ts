/** Defaults of Services. Source: kubernetes `pkg/apis/core/v1/defaults.go` (SetDefaults_Service), `pkg/registry/core/service/storage`. */
import type { Service, ServicePort, ServiceSpec } from '../../api/core.ts';
import { parseIp } from '../net/ip.ts';
import { isExternallyAccessible, isHeadless, needsHealthCheck } from '../validation/service.ts';

/** Seconds a ClientIP affinity lasts unless set. */
const AFFINITY_SECONDS = 10_800;

/** A Service with its defaults. Empty texts count as unset, as in Go. */
export function defaultService(service: Service): Service {
  const given: ServiceSpec = service.spec ?? {};
  const type = given.type || 'ClusterIP';
  const base = withoutEmpty({ ...given, type, sessionAffinity: given.sessionAffinity || 'None' });
  const ports = base.ports?.map(defaultPort);
  const spec: ServiceSpec = {
    ...base,
    ...(ports ? { ports } : {}),
    ...(base.sessionAffinity === 'ClientIP'
      ? {
          sessionAffinityConfig: {
            ...base.sessionAffinityConfig,
            clientIP: { timeoutSeconds: AFFINITY_SECONDS, ...base.sessionAffinityConfig?.clientIP },
          },
        }
      : {}),
    ...(base.internalTrafficPolicy || type === 'ExternalName' ? {} : { internalTrafficPolicy: 'Cluster' as const }),
    ...(!base.externalTrafficPolicy && isExternallyAccessible(base)
      ? { externalTrafficPolicy: 'Cluster' as const }
      : {}),
    ...(type === 'LoadBalancer' && base.allocateLoadBalancerNodePorts === undefined
      ? { allocateLoadBalancerNodePorts: true }
      : {}),
  };
  return {
    ...service,
    spec: defaultFamilies(normalizeClusterIPs(spec)),
    status: service.status ?? { loadBalancer: {} },
  };
}

function withoutEmpty(spec: ServiceSpec): ServiceSpec {
  return Object.fromEntries(
    Object.entries(spec).filter(([key, value]) => !(value === '' || (key === 'healthCheckNodePort' && value === 0))),
  ) as ServiceSpec;
}

function defaultPort(port: ServicePort): ServicePort {
  const unset = port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '';
  const { nodePort, name, ...rest } = port;
  return {
    ...(name ? { name } : {}),
    ...rest,
    protocol: port.protocol || 'TCP',
    targetPort: unset ? port.port : (port.targetPort as number | string),
    ...(nodePort ? { nodePort } : {}),
  };
}

/** `clusterIP` and `clusterIPs[0]` are the same; clients may set either. */
function normalizeClusterIPs(spec: ServiceSpec): ServiceSpec {
  if (spec.clusterIP && !(spec.clusterIPs ?? []).length) return { ...spec, clusterIPs: [spec.clusterIP] };
  const first = spec.clusterIPs?.[0];
  return !spec.clusterIP && first ? { ...spec, clusterIP: first } : spec;
}

function defaultFamilies(spec: ServiceSpec): ServiceSpec {
  if (spec.type === 'ExternalName') return spec;
  const family = parseIp(spec.clusterIPs?.[0] ?? '')?.family ?? 'IPv4';
  return {
    ...spec,
    ipFamilies: (spec.ipFamilies ?? []).length > 0 ? (spec.ipFamilies ?? []) : [family],
    ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
  };
}

/**
 * Carries over what the system allocated and the client left out, and drops what a changed type no longer has.
 * Source: kubernetes `pkg/registry/core/service/strategy.go` (patchAllocatedValues, dropTypeDependentFields).
 */
export function carryAllocated(next: Service, old: Service): Service {
  let spec: ServiceSpec = next.spec;
  const needsIP = (s: ServiceSpec): boolean => s.type !== 'ExternalName';
  if (needsIP(spec) && needsIP(old.spec) && !spec.clusterIP && old.spec.clusterIP)
    spec = { ...spec, clusterIP: old.spec.clusterIP, clusterIPs: old.spec.clusterIPs ?? [old.spec.clusterIP] };
  if (!needsIP(spec) && needsIP(old.spec) && spec.clusterIP === old.spec.clusterIP)
    spec = omit(spec, ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']);
  const nodePorts = (s: ServiceSpec): boolean => s.type === 'NodePort' || s.type === 'LoadBalancer';
  if (nodePorts(spec) && nodePorts(old.spec))
    spec = { ...spec, ports: carryNodePorts(spec.ports ?? [], old.spec.ports ?? []) };
  if (!nodePorts(spec) && nodePorts(old.spec)) spec = dropNodePorts(spec, old.spec);
  if (needsHealthCheck(spec) && needsHealthCheck(old.spec) && !spec.healthCheckNodePort && old.spec.healthCheckNodePort)
    spec = { ...spec, healthCheckNodePort: old.spec.healthCheckNodePort };
  if (!needsHealthCheck(spec) && spec.healthCheckNodePort === old.spec.healthCheckNodePort)
    spec = omit(spec, ['healthCheckNodePort']);
  if (
    !isExternallyAccessible(spec) &&
    isExternallyAccessible(old.spec) &&
    spec.externalTrafficPolicy === old.spec.externalTrafficPolicy
  )
    spec = omit(spec, ['externalTrafficPolicy']);
  if (spec.type !== 'LoadBalancer' && old.spec.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.spec.allocateLoadBalancerNodePorts)
      spec = omit(spec, ['allocateLoadBalancerNodePorts']);
    if (spec.loadBalancerClass === old.spec.loadBalancerClass) spec = omit(spec, ['loadBalancerClass']);
  }
  return { ...next, spec };
}

function carryNodePorts(next: readonly ServicePort[], old: readonly ServicePort[]): ServicePort[] {
  const used = new Set(next.map((p) => p.nodePort).filter((p) => p !== undefined));
  return next.map((port) => {
    if (port.nodePort) return port;
    const before = old.find((o) => o.protocol === port.protocol && o.port === port.port && o.nodePort);
    if (!before?.nodePort || used.has(before.nodePort)) return port;
    used.add(before.nodePort);
    return { ...port, nodePort: before.nodePort };
  });
}

function dropNodePorts(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const before = new Set((old.ports ?? []).map((p) => p.nodePort));
  const ports = (spec.ports ?? []).map((port) => {
    if (!port.nodePort || !before.has(port.nodePort)) return port;
    const { nodePort: _, ...rest } = port;
    return rest;
  });
  return { ...spec, ports };
}

function omit<T extends object>(value: T, keys: readonly string[]): T {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key))) as T;
}

/** True when the Service is to have a ClusterIP that is not chosen yet. */
export function wantsClusterIP(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName' && !isHeadless(spec) && !spec.clusterIP;
}
