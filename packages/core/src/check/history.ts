/** The history of one run: everything that was stamped, sampled and done, with what must be known to read it. */
import type { Knobs } from '../lab/knobs.ts';
import type { TimelineEvent } from '../lab/timeline.ts';
import type { DnsProbeRun } from '../report/dns-probe.ts';
import type { ProbeRun } from '../report/failover.ts';
import type { CheckName } from './result.ts';

/** A fault of the run. */
export interface HistoryFault {
  /** `kill`, `pause`, `partition`... */
  readonly verb: string;
  /** As it was resolved: `node/node-2`, `announcer/node-1`, `node-1,node-2 | node-3`. */
  readonly target: string;
  /** When it took effect, CLOCK_MONOTONIC ns. */
  readonly fromNs: bigint;
  /**
   * When it was healed or its target brought back. undefined: taken from the `fault.healed` that names it or its target, and without one from the
   * target's own return (a process that was killed is started again).
   */
  readonly untilNs?: bigint | undefined;
}

/** What the lab was like. */
export interface HistoryFacts {
  /** Address under test; empty for a target that is no VIP. */
  readonly vip: string;
  /** `namespace/name` of the Service under test. */
  readonly service: string;
  readonly nodes: readonly string[];
  /** Pods that are known, by name; at least the Service's at the beginning. */
  readonly pods: Readonly<Record<string, { readonly ip: string; readonly node: string }>>;
  /** The Service's ready endpoints when the first event was stamped, by pod name. undefined: concluded from the events. */
  readonly endpoints?: readonly string[] | undefined;
  /** Node that announced the VIP when the first event was stamped. undefined: concluded from the events. */
  readonly owner?: string | undefined;
  /** Node whose own address is probed (a NodePort); undefined: requests come in where the VIP is announced. */
  readonly entryNode?: string | undefined;
  readonly knobs: Knobs;
  /** `sessionAffinityConfig.clientIP.timeoutSeconds` in ms; undefined without session affinity. */
  readonly affinityTimeoutMs?: number | undefined;
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  /** Checks whose violation is what the scenario is about (a partition that splits the announcers, say). */
  readonly expects?: readonly CheckName[] | undefined;
}

/** What the DNS prober saw of one name. */
export interface DnsHistory {
  readonly run: DnsProbeRun;
  /** `namespace/name` of the Service the name belongs to. */
  readonly service: string;
  /** `endpoints`: a headless Service, whose ready endpoints are the answer. `fixed`: the same addresses all along, such as a cluster IP. */
  readonly kind: 'endpoints' | 'fixed';
  /** The right answer when the first event was stamped. */
  readonly addresses: readonly string[];
}

/** All of it. */
export interface History {
  /** Any order. May begin before the run; what happened then is context. */
  readonly events: readonly TimelineEvent[];
  readonly run: ProbeRun;
  /** End of the measurement, CLOCK_MONOTONIC ns. */
  readonly endNs: bigint;
  readonly facts: HistoryFacts;
  readonly faults: readonly HistoryFault[];
  readonly dns?: readonly DnsHistory[] | undefined;
}
