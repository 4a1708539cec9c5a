import type { EndpointSlice, Node } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { callApi } from '../client/kube-api.ts';

/** Reads a path of the lab's Kubernetes API as JSON. Rejects on anything but success. */
export function readApi<T>(lab: LabConnection, api: string, path: string): Promise<T> {
  return callApi<T>(lab, api, path);
}

/** What the cluster still lacks to be usable; undefined when every node is Ready and kube-dns has its servers. */
export async function clusterProblem(lab: LabConnection, api: string): Promise<string | undefined> {
  const expected = lab.config.hosts.filter((h) => h.role === 'node').length;
  try {
    const nodes = await readApi<{ items: Node[] }>(lab, api, '/api/v1/nodes');
    const ready = nodes.items.filter((n) =>
      n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    ).length;
    if (ready < expected) return `${expected - ready} of ${expected} nodes to be Ready`;
    const slices = await readApi<{ items: EndpointSlice[] }>(
      lab,
      api,
      '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?labelSelector=kubernetes.io/service-name%3Dkube-dns',
    );
    const servers = new Set(
      slices.items.flatMap((s) => s.endpoints.filter((e) => e.conditions?.ready !== false).flatMap((e) => e.addresses)),
    );
    const wanted = lab.config.hosts.filter((h) => h.role === 'dns').length;
    return servers.size < wanted ? `${wanted - servers.size} of ${wanted} DNS servers` : undefined;
  } catch {
    return 'the API';
  }
}
