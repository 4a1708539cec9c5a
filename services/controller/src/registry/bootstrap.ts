/** The objects every cluster has from the start. */
import { hasReason, type KubeObject, RESOURCES, type ResourceRef, type Service } from '@svclab/core';
import type { Registry } from './registry.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'metallb-system'];

/** Addresses of the Services that are made at the start. */
export interface BootstrapOptions {
  /** ClusterIP of `default/kubernetes`: the first address of the range. */
  readonly apiIP: string;
  /** ClusterIP of `kube-system/kube-dns`. */
  readonly dnsIP: string;
  /** Port the API listens on. */
  readonly apiPort: number;
}

/** Makes what is missing of the namespaces, the default service accounts and the Services of the API and of DNS. Safe to repeat. */
export async function bootstrap(registry: Registry, options: BootstrapOptions): Promise<void> {
  const ensure = async (ref: ResourceRef, object: KubeObject): Promise<void> => {
    const { namespace = '', name } = object.metadata;
    if (registry.get(ref, namespace, name)) return;
    try {
      await registry.create(ref, object, { actor: 'bootstrap' });
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
  };
  for (const name of NAMESPACES)
    await ensure(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const namespace of NAMESPACES)
    await ensure(RESOURCES.serviceaccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace },
    });
  await ensure(RESOURCES.services, apiService(options));
  await ensure(RESOURCES.services, dnsService(options));
}

function apiService({ apiIP, apiPort }: BootstrapOptions): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kubernetes',
      namespace: 'default',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: apiIP,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: apiPort }],
    },
  };
}

function dnsService({ dnsIP }: BootstrapOptions): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: {
        'k8s-app': 'kube-dns',
        'kubernetes.io/cluster-service': 'true',
        'kubernetes.io/name': 'CoreDNS',
      },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: dnsIP,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}
