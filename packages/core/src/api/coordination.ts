/** Leases. Source: k8s.io/api `coordination/v1/types.go`. Times are RFC 3339 with microseconds, for people: no decision reads them. */
import type { KubeObject } from './meta.ts';

/** Who holds a lease, and since when. */
export interface LeaseSpec {
  /** Empty or absent: nobody. */
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  /** How often it went to a new holder. */
  readonly leaseTransitions?: number;
}

/** A lease. */
export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}
