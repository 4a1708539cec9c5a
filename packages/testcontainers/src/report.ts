/** What a measurement says. Keys and units are a contract; milliseconds unless named otherwise. */

/** Parts of the dark time; they add up to `dark_ms.new`. */
export interface Phases {
  /** Last success to the new owner's verdict that the old owner is dead. */
  readonly detection: number;
  /** Verdict to the new owner's decision that the address is its own. */
  readonly election: number;
  /** Decision to its first gratuitous ARP. */
  readonly announcement: number;
  /** Announcement to the first request that was sent and answered. */
  readonly first_success: number;
}

/** Percentiles of answered requests. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** One figure for connections made per request, one for a connection kept open. */
export interface PerFlow {
  readonly new: number;
  readonly reused: number;
}

/** What callers of a Service felt while something was done to the lab. */
export interface MeasurementReport {
  /** What was asked for, as the lab's client host names it. */
  readonly url: string;
  /** The report in one sentence. */
  readonly sentence: string;
  /** Longest time without success after the first fault. */
  readonly dark_ms: PerFlow;
  /** Requests lost since the action began. */
  readonly lost: PerFlow & { readonly total: number };
  /** What was lost before the action had any effect: anything makes the figures doubtful. */
  readonly baseline: { readonly lost: number; readonly sent: number };
  /** Whether the last requests of both kinds were answered. */
  readonly recovered: boolean;
  /** Null when the address did not move to another node. */
  readonly phases_ms: Phases | null;
  /** Node that announced the address when the action began; empty when no announced address was asked for. */
  readonly owner_before: string;
  /** Node that took the address over; empty when none did. */
  readonly owner_after: string;
  /** Per surviving node: fault to the first rules without the dead node's endpoints. */
  readonly endpoints_removed_ms: Readonly<Record<string, number>>;
  /** Answered new connections, from the planned send time. */
  readonly latency_ms: { readonly before: Latency; readonly during: Latency; readonly after: Latency };
  /** The target coming back is a second hit; null when it did not come back. */
  readonly failback: { readonly owner: string; readonly dark_ms: PerFlow; readonly lost: PerFlow } | null;
  readonly prober: { readonly interval_ms: number; readonly lateness_p99_ms: number; readonly sent: number };
  /** What the stamps lacked, in words. */
  readonly notes: readonly string[];
  /** Faults made and healed, in order; `at_ns` is CLOCK_MONOTONIC of the machine the lab runs on. */
  readonly steps: readonly { readonly verb: string; readonly target: string; readonly at_ns: string }[];
}

/** One stamped step of a process of the lab. */
export interface TimelineEvent {
  /** CLOCK_MONOTONIC of the machine the lab runs on, nanoseconds as decimal text (it does not fit a double). */
  readonly at_ns: string;
  readonly time: string;
  readonly node: string;
  readonly component: string;
  /** `fault.effective`, `member.dead`, `vip.announced`, `rules.programmed` ... */
  readonly type: string;
  readonly cause: string;
  readonly attrs: Readonly<Record<string, string>>;
}
