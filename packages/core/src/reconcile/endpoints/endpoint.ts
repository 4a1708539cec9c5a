/** One pod behind one Service. Source: kubernetes `staging/src/k8s.io/endpointslice/{utils,reconciler}.go`, KEP-1669. */
import type { Node, Pod, Service, ServicePort } from '../../api/core.ts';
import type { EndpointSlice, SliceEndpoint } from '../../api/discovery.ts';
import { mapSelects } from '../../kube/selector/label-selector.ts';
import { isPodReady, isPodTerminal } from '../common/pod.ts';

/** Ports of a slice. */
export type SlicePorts = NonNullable<EndpointSlice['ports']>;

/** A pod's endpoint and the ports its Service's ports come to on it. */
export interface PodEndpoint {
  readonly endpoint: SliceEndpoint;
  readonly ports: SlicePorts;
}

/** Pods of the Service's namespace that belong behind it: selected, with an address, not ended. */
export function podsBehind(service: Service, pods: readonly Pod[]): readonly Pod[] {
  return pods.filter(
    (pod) =>
      mapSelects(service.spec.selector, pod.metadata.labels) && (pod.status?.podIP ?? '') !== '' && !isPodTerminal(pod),
  );
}

/** The pod's address of a family. */
export function addressOf(pod: Pod, family: 'IPv4' | 'IPv6'): string | undefined {
  const all = [...(pod.status?.podIPs ?? []).map((p) => p.ip), pod.status?.podIP ?? ''];
  return all.find((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6'));
}

/** Number of a Service's target port on a pod; undefined when the pod has no port of that name and protocol. */
export function targetPortOn(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  for (const container of pod.spec.containers)
    for (const p of container.ports ?? [])
      if (p.name === target && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP')) return p.containerPort;
  return undefined;
}

/** The ports of a Service as they are on one pod; a port the pod does not have is left out. */
export function portsOn(service: Service, pod: Pod): SlicePorts {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPortOn(pod, port);
    if (number === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return [{ name, port: number, protocol, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

/** The endpoint of a pod; undefined when it has no address of the family. */
export function endpointOf(
  service: Service,
  pod: Pod,
  node: Node | undefined,
  family: 'IPv4' | 'IPv6',
): SliceEndpoint | undefined {
  const address = addressOf(pod, family);
  if (address === undefined) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { name, namespace = '', uid = '' } = pod.metadata;
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const { hostname, subdomain, nodeName } = pod.spec;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Identity of an endpoint: one that keeps it is changed in place. */
export function endpointKey(endpoint: SliceEndpoint): string {
  return `${endpoint.addresses.join(',')}|${endpoint.targetRef?.uid ?? ''}`;
}
