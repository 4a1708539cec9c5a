import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { EndpointSlice, Node } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';

const TIMEOUT_MS = 2000;

/** Reads a path of the lab's Kubernetes API as JSON. Rejects on anything but 200. */
export function readApi<T>(lab: LabConnection, api: string, path: string): Promise<T> {
  const url = new URL(path, api);
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        ca: readFileSync(join(lab.paths.pki, 'ca.crt')),
        headers: { authorization: `Bearer ${lab.secrets.apiToken}`, accept: 'application/json' },
        timeout: TIMEOUT_MS,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error(`API answers ${response.statusCode} for ${path}: ${text.slice(0, 200)}`));
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`API did not answer ${path} in ${TIMEOUT_MS} ms`)));
    call.on('error', reject);
    call.end();
  });
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
