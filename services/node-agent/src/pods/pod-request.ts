/** What pod-host is asked to run for a Pod. */
import {
  type Cache,
  type ConfigMap,
  type EnvironmentSources,
  type LabConfig,
  type Pod,
  RESOURCES,
  resolveEnvironment,
  type Secret,
  type Service,
} from '@svclab/core';
import type { EnsurePodRequest } from '@svclab/wire';
import type { NodeSettings } from '../config.ts';

/** The request, and why containers cannot be created: container -> message. With errors it serves only for a pod that runs already. */
export interface PodRequestResult {
  readonly request: EnsurePodRequest;
  readonly errors: ReadonlyMap<string, string>;
}

/** Computes the request. @param ip the pod's address; "" with hostNetwork */
export function podRequest(
  pod: Pod,
  ip: string,
  gateway: string,
  context: {
    readonly cache: Cache;
    readonly settings: NodeSettings;
    readonly lab: LabConfig;
    readonly mtu: () => number;
  },
): PodRequestResult {
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  const sources = environmentSources(pod, ip, context);
  const env: EnsurePodRequest['env'] = {};
  const errors = new Map<string, string>();
  for (const container of pod.spec.containers) {
    const result = resolveEnvironment(pod, container, sources);
    if ('error' in result) errors.set(container.name, result.error);
    else env[container.name] = { env: result.env };
  }
  return {
    errors,
    request: {
      namespace,
      name,
      uid,
      podJson: Buffer.from(JSON.stringify(pod)),
      ip,
      gateway: ip === '' ? '' : gateway,
      ...resolverOf(pod, context.lab),
      env,
      hostInterface: '',
      mtu: context.mtu(),
    },
  };
}

function environmentSources(
  pod: Pod,
  ip: string,
  { cache, settings }: { readonly cache: Cache; readonly settings: NodeSettings },
): EnvironmentSources {
  const namespace = pod.metadata.namespace ?? 'default';
  const links = (pod.spec as { readonly enableServiceLinks?: boolean }).enableServiceLinks !== false;
  const master = cache.get<Service>({ ...RESOURCES.services, namespace: 'default', name: 'kubernetes' });
  return {
    podIP: ip || settings.lanIP,
    hostIP: settings.lanIP,
    nodeName: settings.name,
    configMap: (name) => cache.get<ConfigMap>({ ...RESOURCES.configmaps, namespace, name })?.data ?? undefined,
    secret(name) {
      const secret = cache.get<Secret>({ ...RESOURCES.secrets, namespace, name });
      if (!secret) return undefined;
      return Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
      );
    },
    services: [...(master ? [master] : []), ...(links ? cache.list<Service>(RESOURCES.services, namespace) : [])],
  };
}

/** Name servers and search list by dnsPolicy (kubernetes `pkg/kubelet/network/dns`). */
function resolverOf(pod: Pod, lab: LabConfig): { nameservers: string[]; searches: string[] } {
  const {
    dnsPolicy = 'ClusterFirst',
    hostNetwork,
    dnsConfig,
  } = pod.spec as Pod['spec'] & {
    readonly dnsConfig?: { readonly nameservers?: readonly string[]; readonly searches?: readonly string[] };
  };
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const namespace = pod.metadata.namespace ?? 'default';
  return {
    nameservers: [...(cluster ? [lab.dnsIP] : []), ...(dnsConfig?.nameservers ?? [])],
    searches: [
      ...(cluster ? [`${namespace}.svc.${lab.domain}`, `svc.${lab.domain}`, lab.domain] : []),
      ...(dnsConfig?.searches ?? []),
    ],
  };
}
