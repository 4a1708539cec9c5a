/** The environment of a container. Source: kubernetes `pkg/kubelet/kubelet_pods.go` makeEnvironmentVariables, `envvars/envvars.go`. */
import type { Container, EnvVar, Pod, Service } from '../api/core.ts';
import type { StringMap } from '../api/meta.ts';

/** Where values come from. */
export interface EnvironmentSources {
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
  /** Data of a ConfigMap in the pod's namespace; undefined when there is none. */
  configMap(name: string): StringMap | undefined;
  /** Data of a Secret in the pod's namespace, decoded; undefined when there is none. */
  secret(name: string): StringMap | undefined;
  /** Services of the pod's namespace, and `default/kubernetes`. */
  readonly services: readonly Service[];
}

/** The variables, or why the container cannot be created (reason CreateContainerConfigError). */
export type EnvironmentResult = { readonly env: Record<string, string> } | { readonly error: string };

/** A whole ConfigMap or Secret as variables. */
interface EnvFromSource {
  readonly prefix?: string;
  readonly configMapRef?: { readonly name: string; readonly optional?: boolean };
  readonly secretRef?: { readonly name: string; readonly optional?: boolean };
}

/** Resolves a container's environment: service links, then `envFrom`, then `env`, where `$(NAME)` refers to what came before. */
export function resolveEnvironment(pod: Pod, container: Container, sources: EnvironmentSources): EnvironmentResult {
  const env: Record<string, string> = serviceLinks(sources.services);
  const missing = addEnvFrom(env, container, sources);
  if (missing !== undefined) return { error: missing };
  for (const variable of container.env ?? []) {
    const value = variableValue(pod, variable, env, sources);
    if (value && 'error' in value) return value;
    if (value) env[variable.name] = value.value;
  }
  return { env };
}

function addEnvFrom(
  env: Record<string, string>,
  container: Container,
  sources: EnvironmentSources,
): string | undefined {
  const { envFrom } = container as Container & { readonly envFrom?: readonly EnvFromSource[] };
  for (const from of envFrom ?? []) {
    const ref = from.configMapRef ?? from.secretRef;
    if (!ref) continue;
    const data = from.configMapRef ? sources.configMap(ref.name) : sources.secret(ref.name);
    if (!data) {
      if (ref.optional) continue;
      return `${from.configMapRef ? 'configmap' : 'secret'} "${ref.name}" not found`;
    }
    for (const [key, value] of Object.entries(data)) env[`${from.prefix ?? ''}${key}`] = value;
  }
  return undefined;
}

/** Undefined: an optional reference that leads nowhere; the variable is left out. */
function variableValue(
  pod: Pod,
  variable: EnvVar,
  env: StringMap,
  sources: EnvironmentSources,
): { readonly value: string } | { readonly error: string } | undefined {
  const from = variable.valueFrom;
  if (!from) return { value: expand(variable.value ?? '', env) };
  if (from.fieldRef) {
    const value = fieldOf(pod, from.fieldRef.fieldPath, sources);
    return value === undefined ? { error: `unsupported fieldPath: ${from.fieldRef.fieldPath}` } : { value };
  }
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (!ref) return { value: '' };
  const isMap = from.configMapKeyRef !== undefined;
  const data = isMap ? sources.configMap(ref.name) : sources.secret(ref.name);
  const value = data?.[ref.key];
  if (value !== undefined) return { value };
  if (ref.optional) return undefined;
  if (!data) return { error: `${isMap ? 'configmap' : 'secret'} "${ref.name}" not found` };
  return {
    error: `couldn't find key ${ref.key} in ${isMap ? 'ConfigMap' : 'Secret'} ${pod.metadata.namespace ?? ''}/${ref.name}`,
  };
}

function fieldOf(pod: Pod, path: string, sources: EnvironmentSources): string | undefined {
  const { metadata, spec } = pod;
  const part = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (part) return (part[1] === 'labels' ? metadata.labels : metadata.annotations)?.[part[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'spec.nodeName':
      return sources.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return sources.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return sources.hostIP;
    default:
      return undefined;
  }
}

/** Replaces `$(NAME)` by a variable's value; an unknown name stays as it is, `$$` is one dollar. */
export function expand(text: string, env: StringMap): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

/** Variables that name every Service: `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, and those of Docker links. */
export function serviceLinks(services: readonly Service[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const ports = spec.ports ?? [];
    const first = ports[0];
    if (!spec.clusterIP || spec.clusterIP === 'None' || !first) continue;
    const name = variableName(metadata.name);
    env[`${name}_SERVICE_HOST`] = spec.clusterIP;
    env[`${name}_SERVICE_PORT`] = String(first.port);
    env[`${name}_PORT`] = `${(first.protocol ?? 'TCP').toLowerCase()}://${spec.clusterIP}:${first.port}`;
    for (const port of ports) {
      if (port.name) env[`${name}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
      const protocol = port.protocol ?? 'TCP';
      const link = `${name}_PORT_${port.port}_${protocol}`;
      env[link] = `${protocol.toLowerCase()}://${spec.clusterIP}:${port.port}`;
      env[`${link}_PROTO`] = protocol.toLowerCase();
      env[`${link}_PORT`] = String(port.port);
      env[`${link}_ADDR`] = spec.clusterIP;
    }
  }
  return env;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
