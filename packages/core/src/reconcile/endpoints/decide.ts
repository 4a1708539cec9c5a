/** What stands behind a Service: slices and Endpoints. */
import type { Endpoints, Node, Pod, Service } from '../../api/core.ts';
import type { EndpointSlice } from '../../api/discovery.ts';
import { endpointOf, podsBehind, portsOn } from './endpoint.ts';
import { type LegacyAddress, legacyAddresses, legacyEndpoints } from './legacy.ts';
import { type DesiredEndpoints, planSlices, type SlicePlan } from './slices.ts';

/** What is to be written for one Service. */
export interface EndpointsDecision {
  readonly slices: SlicePlan;
  /** Undefined when the object is as it should be. */
  readonly endpoints: Endpoints | undefined;
}

/** What is there now. */
export interface EndpointsPresent {
  /** Slices of the Service that this controller manages. */
  readonly slices: readonly EndpointSlice[];
  readonly endpoints: Endpoints | undefined;
}

/** True for Services whose endpoints are found by a selector. */
export function hasSelector(service: Service): boolean {
  return service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;
}

/** Decides about a Service with a selector. `pods` are those of its namespace. */
export function decideEndpoints(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  present: EndpointsPresent,
): EndpointsDecision {
  const behind = podsBehind(service, pods);
  const desired = (service.spec.ipFamilies ?? ['IPv4']).map(
    (family): DesiredEndpoints => ({
      family,
      endpoints: behind.flatMap((pod) => {
        const endpoint = endpointOf(service, pod, nodeOf(pod.spec.nodeName ?? ''), family);
        return endpoint ? [{ endpoint, ports: portsOn(service, pod) }] : [];
      }),
    }),
  );
  return decide(service, desired, legacyAddresses(service, behind), present);
}

/** An endpoint that is no pod. */
export interface FixedEndpoint {
  readonly ip: string;
  readonly ready: boolean;
}

/** Decides about a Service whose endpoints are processes of the lab: the API and the DNS servers. */
export function decideFixedEndpoints(
  service: Service,
  fixed: readonly FixedEndpoint[],
  present: EndpointsPresent,
): EndpointsDecision {
  const ports = (service.spec.ports ?? []).map((p) => ({
    name: p.name ?? '',
    port: typeof p.targetPort === 'number' ? p.targetPort : p.port,
    protocol: p.protocol ?? ('TCP' as const),
  }));
  const endpoints = fixed.map(({ ip, ready }) => ({
    endpoint: { addresses: [ip], conditions: { ready, serving: ready, terminating: false } },
    ports,
  }));
  const addresses = fixed.map(({ ip, ready }): LegacyAddress => ({ address: { ip }, ports, ready }));
  return decide(service, [{ family: 'IPv4', endpoints }], addresses, present);
}

function decide(
  service: Service,
  desired: readonly DesiredEndpoints[],
  addresses: readonly LegacyAddress[],
  present: EndpointsPresent,
): EndpointsDecision {
  const endpoints = legacyEndpoints(service, present.endpoints, addresses);
  return {
    slices: planSlices(service, present.slices, desired),
    endpoints: endpoints === present.endpoints ? undefined : endpoints,
  };
}
