/** Rules of pods and pod templates. Source of rules and texts: kubernetes `pkg/apis/core/validation/validation.go`. */
import type { Container, ContainerPort, EnvVar, Pod, PodSpec, PodTemplateSpec, Probe } from '../../api/core.ts';
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  notFoundField,
  requiredField,
  unsupportedField,
} from '../errors/field-error.ts';
import { jsonEqual } from '../patch/merge-patch.ts';
import { notNegative, oneOf, validateLabels } from './meta.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkEnvName, checkPortName, checkPortNumber } from './names.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** Fields beyond those that are typed, as far as rules here need them. */
interface Mounts {
  readonly volumes?: readonly { readonly name?: string }[];
  readonly volumeMounts?: readonly { readonly name?: string; readonly mountPath?: string }[];
}

/** Checks a pod spec whose defaults are filled in; `path` is where it stands (`spec`, `spec.template.spec`). */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const containers = spec.containers ?? [];
  const volumes = (spec as Mounts).volumes ?? [];
  const names = new Set<string>();
  const each = (list: readonly Container[], field: string): FieldError[] =>
    list.flatMap((c, i) => validateContainer(c, `${path}.${field}[${i}]`, names, volumes));
  return [
    ...validateVolumes(volumes, `${path}.volumes`),
    ...(containers.length === 0 ? [requiredField(`${path}.containers`)] : []),
    ...each(containers, 'containers'),
    ...each(spec.initContainers ?? [], 'initContainers'),
    ...portConflicts(containers, `${path}.containers`),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${path}.restartPolicy`),
    ...oneOf(spec.dnsPolicy, DNS_POLICIES, `${path}.dnsPolicy`),
    ...notNegative(spec.terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...nameOf(spec.nodeName, `${path}.nodeName`, checkDns1123Subdomain),
    ...nameOf(spec.hostname, `${path}.hostname`, checkDns1123Label),
    ...nameOf(spec.subdomain, `${path}.subdomain`, checkDns1123Label),
    ...nameOf(spec.serviceAccountName, `${path}.serviceAccountName`, checkDns1123Subdomain),
  ];
}

function nameOf(value: string | undefined, path: string, check: (v: string) => string[]): FieldError[] {
  return value ? check(value).map((text) => invalidField(path, value, text)) : [];
}

function validateVolumes(volumes: readonly { readonly name?: string }[], path: string): FieldError[] {
  const seen = new Set<string>();
  return volumes.flatMap((volume, i) => {
    const at = `${path}[${i}].name`;
    if (!volume.name) return [requiredField(at)];
    const errors = checkDns1123Label(volume.name).map((text) => invalidField(at, volume.name, text));
    if (seen.has(volume.name)) errors.push(duplicateField(at, volume.name));
    seen.add(volume.name);
    return errors;
  });
}

function validateContainer(
  container: Container,
  path: string,
  names: Set<string>,
  volumes: readonly { readonly name?: string }[],
): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.name) errors.push(requiredField(`${path}.name`));
  else {
    for (const text of checkDns1123Label(container.name))
      errors.push(invalidField(`${path}.name`, container.name, text));
    if (names.has(container.name)) errors.push(duplicateField(`${path}.name`, container.name));
    names.add(container.name);
  }
  if (!container.image) errors.push(requiredField(`${path}.image`));
  else if (container.image.trim() !== container.image)
    errors.push(invalidField(`${path}.image`, container.image, 'must not have leading or trailing whitespace'));
  errors.push(...validateContainerPorts(container.ports ?? [], `${path}.ports`));
  errors.push(...(container.env ?? []).flatMap((env, i) => validateEnv(env, `${path}.env[${i}]`)));
  for (const [i, mount] of ((container as Mounts).volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${i}]`;
    if (!mount.name) errors.push(requiredField(`${at}.name`));
    else if (!volumes.some((v) => v.name === mount.name)) errors.push(notFoundField(`${at}.name`, mount.name));
    if (!mount.mountPath) errors.push(requiredField(`${at}.mountPath`));
  }
  errors.push(...validateProbe(container.livenessProbe, `${path}.livenessProbe`, true));
  errors.push(...validateProbe(container.readinessProbe, `${path}.readinessProbe`, false));
  errors.push(...validateProbe(container.startupProbe, `${path}.startupProbe`, true));
  errors.push(...oneOf(container.imagePullPolicy, PULL_POLICIES, `${path}.imagePullPolicy`));
  return errors;
}

function validateContainerPorts(ports: readonly ContainerPort[], path: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      for (const text of checkPortName(port.name)) errors.push(invalidField(`${at}.name`, port.name, text));
      if (names.has(port.name)) errors.push(duplicateField(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(requiredField(`${at}.containerPort`));
    else
      for (const text of checkPortNumber(port.containerPort))
        errors.push(invalidField(`${at}.containerPort`, port.containerPort, text));
    if (port.hostPort)
      for (const text of checkPortNumber(port.hostPort))
        errors.push(invalidField(`${at}.hostPort`, port.hostPort, text));
    if (port.protocol && !PROTOCOLS.includes(port.protocol))
      errors.push(unsupportedField(`${at}.protocol`, port.protocol, PROTOCOLS));
    return errors;
  });
}

function portConflicts(containers: readonly Container[], path: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, i) =>
    (container.ports ?? []).flatMap((port, j) => {
      if (!port.hostPort) return [];
      const key = `${port.protocol}/${port.hostPort}`;
      if (taken.has(key)) return [duplicateField(`${path}[${i}].ports[${j}].hostPort`, key)];
      taken.add(key);
      return [];
    }),
  );
}

function validateEnv(env: EnvVar, path: string): FieldError[] {
  if (!env.name) return [requiredField(`${path}.name`)];
  const errors = checkEnvName(env.name).map((text) => invalidField(`${path}.name`, env.name, text));
  if (env.valueFrom && env.value)
    errors.push(invalidField(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'));
  if (env.valueFrom && Object.keys(env.valueFrom).length !== 1)
    errors.push(
      invalidField(
        `${path}.valueFrom`,
        '',
        Object.keys(env.valueFrom).length === 0
          ? 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
          : 'may not have more than one field specified at a time',
      ),
    );
  return errors;
}

function validateProbe(probe: Probe | undefined, path: string, oneSuccess: boolean): FieldError[] {
  if (!probe) return [];
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter((h) => probe[h] !== undefined);
  const errors: FieldError[] = [];
  if (handlers.length === 0) errors.push(requiredField(path, 'must specify a handler type'));
  for (const handler of handlers.slice(1))
    errors.push(forbiddenField(`${path}.${handler}`, 'may not specify more than 1 handler type'));
  for (const handler of ['httpGet', 'tcpSocket'] as const) {
    const port = probe[handler]?.port;
    if (probe[handler] === undefined) continue;
    if (port === undefined) errors.push(requiredField(`${path}.${handler}.port`));
    else
      for (const text of typeof port === 'number' ? checkPortNumber(port) : checkPortName(port))
        errors.push(invalidField(`${path}.${handler}.port`, port, text));
  }
  if (probe.exec && (probe.exec.command ?? []).length === 0) errors.push(requiredField(`${path}.exec.command`));
  if (probe.httpGet?.scheme && probe.httpGet.scheme !== 'HTTP' && probe.httpGet.scheme !== 'HTTPS')
    errors.push(unsupportedField(`${path}.httpGet.scheme`, probe.httpGet.scheme, ['HTTP', 'HTTPS']));
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    errors.push(...notNegative(probe[field], `${path}.${field}`));
  if (oneSuccess && probe.successThreshold !== undefined && probe.successThreshold > 1)
    errors.push(invalidField(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

/** Checks a pod template; its restart policy must be Always for the kinds served. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  if (!template) return [requiredField(path)];
  const errors = [
    ...validateLabels(template.metadata?.labels, `${path}.metadata.labels`),
    ...validatePodSpec(template.spec, `${path}.spec`),
  ];
  const policy = template.spec.restartPolicy;
  if (policy && policy !== 'Always' && ['OnFailure', 'Never'].includes(policy))
    errors.push(unsupportedField(`${path}.spec.restartPolicy`, policy, ['Always']));
  return errors;
}

/** What of a pod's spec an update may change: images, the deadline, more tolerations. */
export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const added = next.spec.tolerations ?? [];
  const kept = (old.spec.tolerations ?? []).every((t) =>
    added.some((a) => jsonEqual({ ...a, tolerationSeconds: 0 }, { ...t, tolerationSeconds: 0 })),
  );
  const masked = (spec: PodSpec): unknown => ({
    ...spec,
    containers: spec.containers.map((c) => ({ ...c, image: '' })),
    initContainers: (spec.initContainers ?? []).map((c) => ({ ...c, image: '' })),
    activeDeadlineSeconds: 0,
    tolerations: [],
  });
  if (kept && jsonEqual(masked(next.spec), masked(old.spec))) return [];
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}
