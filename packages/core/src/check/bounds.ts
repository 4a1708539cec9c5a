/** How late each part of a lab may be, from its knobs. */
import type { Knobs } from '../lab/knobs.ts';

/** Milliseconds. */
export interface CheckBounds {
  /** Two nodes may claim an address that moves while both are alive: until the old owner has the news by gossip. */
  readonly handoverMs: number;
  /** A partition that was healed may leave two owners until the members have found each other again. */
  readonly rejoinMs: number;
  /** From the controller's stamp of a slice to the rules of a node that hears of it. */
  readonly programMs: number;
  /** From the end of a fault on the control plane until everybody follows the store again. */
  readonly recoverMs: number;
  /** From the controller's stamp of a slice to the answer of a DNS server, TTL apart. */
  readonly dnsMs: number;
}

/** What a machine with other things to do may add to any step. */
const SCHEDULING_MS = 1000;
/** Gossip rounds a notice may take to the one member that must hear it. */
const GOSSIP_ROUNDS = 4;
/** A client of the bus dials again each second, and a watch is never blind for more than two. */
const RECONNECT_MS = 3000;

/**
 * The bounds that follow from the knobs.
 * @param busyMs how slow this machine was seen to be: the longest time one node took to program its rules, which is milliseconds where CPU is free
 */
export function checkBounds(knobs: Knobs, busyMs = 0): CheckBounds {
  const handoverMs = GOSSIP_ROUNDS * knobs['membership.gossipInterval'] + SCHEDULING_MS / 4 + busyMs;
  const programMs = 2 * knobs['proxy.minSyncPeriod'] + knobs['endpoints.batchPeriod'] + SCHEDULING_MS + 2 * busyMs;
  return {
    handoverMs,
    rejoinMs: knobs['membership.rejoinInterval'] + knobs['membership.probeInterval'] + handoverMs,
    programMs,
    recoverMs: RECONNECT_MS + programMs + knobs['election.leaseDuration'] + knobs['election.retryPeriod'],
    dnsMs: knobs['endpoints.batchPeriod'] + SCHEDULING_MS / 2 + busyMs,
  };
}
