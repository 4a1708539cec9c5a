/** EndpointSlice. Source: k8s.io/api `discovery/v1/types.go`, KEP-0752, KEP-1669 (serving and terminating). */
import type { Protocol } from './core.ts';
import type { KubeObject, ObjectReference } from './meta.ts';

/** Label that names the Service a slice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** One endpoint of a slice. `conditions` that are absent are read as upstream reads nil: ready and serving true, terminating false. */
export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: ObjectReference;
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[] };
}

export interface EndpointSlice extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly port?: number;
    readonly protocol?: Protocol;
    readonly appProtocol?: string;
  }[];
}
