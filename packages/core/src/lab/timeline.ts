/**
 * The timeline: what each process saw and did, stamped by itself with the machine's monotonic clock.
 * Reports are computed from it alone.
 */

/** The steps of a failover and the other state changes worth a stamp. */
export const TIMELINE_TYPES = [
  /** The supervisor has made a fault effective (attrs: fault, target). */
  'fault.effective',
  /** A fault was healed or its target came back (attrs: fault, target). */
  'fault.healed',
  /** The lab got another node, or one was taken away for good (attrs: target). */
  'node.added',
  'node.removed',
  /** A process started, became ready, or ended (attrs: process, pid, code, signal). */
  'process.started',
  'process.ready',
  'process.exited',
  /** A member's last acknowledged probe before it was suspected (attrs: peer, at_ns). */
  'member.last-heartbeat',
  /** Membership as this announcer sees it (attrs: peer). */
  'member.joined',
  'member.suspected',
  'member.alive',
  'member.dead',
  'member.left',
  /** This announcer has computed that it, or another, owns a VIP (attrs: vip, service, owner, previous, reason). */
  'vip.elected',
  /** This announcer stopped answering for a VIP (attrs: vip, service, owner, reason). */
  'vip.released',
  /** A gratuitous round went out (attrs: vip, round, interface). */
  'vip.announced',
  /** An ARP request for a VIP was answered (attrs: vip, asker, interface); one stamp a second for the same asker. */
  'vip.answered',
  /** The node lifecycle controller changed a node's Ready condition (attrs: target, ready, reason). */
  'node.ready',
  'node.not-ready',
  /** A controller leads, or leads no longer (attrs: term, identity, reason). Terms count the lease's holders. */
  'leader.elected',
  'leader.lost',
  /**
   * The endpoint slices of a service changed (attrs: service, revision, added, removed, places; names of pods joined by commas). `places` tells
   * where what was added is, as `name=ip@node`.
   */
  'endpoints.changed',
  /** This node's rules in the kernel now contain a revision (attrs: revision, services, operations, took_us). */
  'rules.programmed',
  /** A pod's life on its node (attrs: pod). */
  'pod.started',
  'pod.ready',
  'pod.not-ready',
  'pod.terminating',
  'pod.stopped',
  /** From the prober, when it reports (attrs: url, kind = new | reused). */
  'probe.first-failure',
  'probe.first-success',
] as const;

/** A type of timeline event. */
export type TimelineType = (typeof TIMELINE_TYPES)[number];

/** One stamped step. */
export interface TimelineEvent {
  /** CLOCK_MONOTONIC, nanoseconds, when it happened. */
  readonly atNs: bigint;
  /** Wall clock, milliseconds since the epoch, at the same instant. */
  readonly wallMs: number;
  /** Host the process runs on (`node-1`, `controller-1`, `client-1`, `lab`). */
  readonly node: string;
  /** `node-agent`, `l2-announcer`, `controller`, `dns`, `supervisor`, `prober`, `pod-host`. */
  readonly component: string;
  readonly type: TimelineType;
  /** What caused it, in words; may be empty. */
  readonly cause: string;
  readonly attrs: Readonly<Record<string, string>>;
}
