/** Core v1 Endpoints, the older twin of the slices. Source: kubernetes `pkg/controller/endpoint/endpoints_controller.go`. */
import type { EndpointAddress, Endpoints, Pod, Service } from '../../api/core.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { isHeadless } from '../../kube/validation/service.ts';
import { canonicalJson } from '../common/hash.ts';
import { isPodReady } from '../common/pod.ts';
import { addressOf, portsOn, type SlicePorts } from './endpoint.ts';
import { HEADLESS } from './slices.ts';

/** Most addresses of one Endpoints object; what is beyond is cut and marked. */
const MAX_ADDRESSES = 1000;
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Port = NonNullable<Subset['ports']>[number];

/** An address under the ports it has. */
export interface LegacyAddress {
  readonly address: EndpointAddress;
  readonly ports: SlicePorts;
  readonly ready: boolean;
}

/** Addresses of the pods behind a Service. Pods that are being deleted are left out unless not-ready addresses are published. */
export function legacyAddresses(service: Service, pods: readonly Pod[]): readonly LegacyAddress[] {
  const publish = service.spec.publishNotReadyAddresses === true;
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4';
  return pods.flatMap((pod) => {
    const ip = addressOf(pod, family);
    if (ip === undefined || (pod.metadata.deletionTimestamp && !publish)) return [];
    const { name, namespace = '', uid = '' } = pod.metadata;
    const { hostname, subdomain, nodeName } = pod.spec;
    const address: EndpointAddress = {
      ip,
      ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
      ...(nodeName ? { nodeName } : {}),
      targetRef: { kind: 'Pod', namespace, name, uid },
    };
    return [{ address, ports: portsOn(service, pod), ready: publish || isPodReady(pod) }];
  });
}

/** The Endpoints object of a Service; the existing one itself when nothing has to be written. */
export function legacyEndpoints(
  service: Service,
  existing: Endpoints | undefined,
  addresses: readonly LegacyAddress[],
): Endpoints {
  const kept = addresses.slice(0, MAX_ADDRESSES);
  const { [OVER_CAPACITY]: _over, ...annotations } = existing?.metadata.annotations ?? {};
  const marks = { ...annotations, ...(kept.length < addresses.length ? { [OVER_CAPACITY]: 'truncated' } : {}) };
  const { [HEADLESS]: _headless, ...labels } = service.metadata.labels ?? {};
  const { name, namespace = '' } = service.metadata;
  const { annotations: _annotations, ...meta } = existing?.metadata ?? { name, namespace };
  const subsets = pack(service, kept);
  const next: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...meta,
      ...(Object.keys(marks).length > 0 ? { annotations: marks } : {}),
      labels: {
        ...labels,
        [MANAGED_BY]: 'endpoint-controller',
        ...(isHeadless(service.spec) ? { [HEADLESS]: '' } : {}),
      },
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
  return existing && jsonEqual(next, existing) ? existing : next;
}

/** Addresses with equal ports in one subset, all in order. Source: kubernetes `pkg/api/v1/endpoints/util.go` (RepackSubsets). */
function pack(service: Service, addresses: readonly LegacyAddress[]): Subset[] {
  const groups = new Map<string, { ports: Port[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const { address, ports, ready } of addresses) {
    if (ports.length === 0 && !isHeadless(service.spec)) continue;
    const own: Port[] = ports.map(({ name, port = 0, protocol = 'TCP' }) => ({
      ...(name ? { name } : {}),
      port,
      protocol,
    }));
    const key = canonicalJson(own);
    const group = groups.get(key) ?? { ports: own, ready: [], notReady: [] };
    (ready ? group.ready : group.notReady).push(address);
    groups.set(key, group);
  }
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byIp) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.sort(byIp) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}
