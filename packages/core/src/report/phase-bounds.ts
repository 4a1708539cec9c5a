/**
 * What bounds each part of a failover, by the lab's own timers, and what another timer would save.
 *
 * Detection models hashicorp/memberlist `state.go` and `suspicion.go` as `../membership` computes them; the announcement MetalLB's layer 2
 * announcer; the endpoints kube-controller-manager's node lifecycle controller and kube-proxy.
 */
import type { KnobName, Knobs } from '../lab/knobs.ts';
import { KNOBS } from '../lab/knobs.ts';
import { suspicionTimeout } from '../membership/suspicion.ts';
import { speakMs } from './sentence.ts';

/** One part of the dark time and what bounds it. */
export interface PhaseBound {
  /** Key of `phases_ms`. */
  readonly phase: string;
  readonly ms: number;
  /** The knob that bounds it, `membership.probeInterval`; empty where none does. */
  readonly knob: string;
  /** The knob's value in this lab, as it is written (`1s`). */
  readonly knob_value: string;
  /** What the timers make of it, in words: `up to 1 s until the next probe, 1 s for it to fail, suspicion of 4 s: 5 s to 6 s`. */
  readonly bound: string;
  /** What turning the knob would save, in words (`200ms instead of 1s saves about 4.4 s`); empty where nothing is to be won. */
  readonly saves: string;
}

/** A length of time as a knob takes it: `200ms`, `1s`, `1.5s`, `50s`. */
export function knobText(ms: number): string {
  return ms >= 1000 && ms % 100 === 0 ? `${ms / 1000}s` : `${Math.round(ms * 10) / 10}ms`;
}

/** From the fault to the verdict, ms, by the timers alone: the usual shortest and longest. */
export interface DetectionBound {
  readonly minMs: number;
  readonly maxMs: number;
  /** Suspicion once it is confirmed by others as often as it takes, or from the start in a cluster too small for that. */
  readonly suspicionMs: number;
  /** Confirmations by other members that shorten the suspicion to that; 0 in a cluster too small to give them. */
  readonly confirmations: number;
}

/**
 * Detection by the membership's timers with `members` members, the dead one included: up to one probe interval until somebody probes the dead
 * member, one until that probe has failed, then the suspicion. Chance can add to it: nobody's turn in that interval, a confirmation that is late.
 */
export function detectionBound(knobs: Knobs, members: number): DetectionBound {
  const interval = knobs['membership.probeInterval'];
  const mult = knobs['membership.suspicionMult'];
  const suspicionMs = suspicionTimeout(mult, members, interval);
  return {
    minMs: interval + suspicionMs,
    maxMs: 2 * interval + suspicionMs,
    suspicionMs,
    confirmations: members - 2 < mult - 2 ? 0 : Math.max(0, mult - 2),
  };
}

type Bound = Omit<PhaseBound, 'phase' | 'ms'>;

/**
 * Bounds of the phases of a failover.
 * @param phases phase -> ms: the keys of `phases_ms`, and `endpoints_removed` (fault to the last node's rules without the dead endpoints),
 * which follows the dark time and is no part of it
 * @param nodes members of the gossip before the fault
 */
export function phaseBounds(phases: Readonly<Record<string, number>>, knobs: Knobs, nodes: number): PhaseBound[] {
  return Object.entries(phases).map(([phase, ms]) => ({ phase, ms, ...(BOUNDS[phase]?.(ms, knobs, nodes) ?? NONE) }));
}

const NONE: Bound = { knob: '', knob_value: '', bound: 'no stamp says what it was', saves: '' };
const PROMPT = { knob: '', knob_value: '', saves: '' };

const BOUNDS: Readonly<Record<string, (ms: number, knobs: Knobs, nodes: number) => Bound>> = {
  detection,
  election: () => ({
    ...PROMPT,
    bound: 'no timer: each announcer computes the owner from its own members as soon as it gives one up',
  }),
  announcement: () => ({ ...PROMPT, bound: 'no timer: the first gratuitous ARP goes out with the decision' }),
  first_success: (_ms, knobs) => ({
    knob: 'announcer.garpInterval',
    knob_value: knobText(knobs['announcer.garpInterval']),
    bound:
      'the next request, where the client takes the first gratuitous ARP; the next round, ' +
      `${speakMs(knobs['announcer.garpInterval'])} later, where it is lost or the client's entry changed within the last second (ARP locktime)`,
    saves: '',
  }),
  endpoints_removed: endpointsRemoved,
  unattributed: () => NONE,
};

function detection(ms: number, knobs: Knobs, nodes: number): Bound {
  const interval = knobs['membership.probeInterval'];
  const bound = detectionBound(knobs, nodes);
  const confirmed =
    bound.confirmations === 0
      ? ''
      : ` once ${bound.confirmations === 1 ? 'another confirms' : `${bound.confirmations} others confirm`} it (up to ${knobs['membership.suspicionMaxTimeoutMult']} times as long without)`;
  return {
    knob: 'membership.probeInterval',
    knob_value: knobText(interval),
    bound:
      `up to ${speakMs(interval)} until the next probe, ${speakMs(interval)} for it to fail, then suspicion of ` +
      `${knobs['membership.suspicionMult']} x max(1, log10 ${nodes}) x probeInterval = ${speakMs(bound.suspicionMs)}${confirmed}: ` +
      `${speakMs(bound.minMs)} to ${speakMs(bound.maxMs)}`,
    saves: detectionSaving(ms, knobs, nodes),
  };
}

/** A fifth of the probe interval, as MetalLB's users go down from 1 s to 200 ms, but not under what the profile `fast` takes for safe. */
function detectionSaving(ms: number, knobs: Knobs, nodes: number): string {
  const interval = knobs['membership.probeInterval'];
  const shorter = lower('membership.probeInterval', interval, 0.2);
  if (shorter === undefined) return '';
  const typical = (k: Knobs): number => (detectionBound(k, nodes).minMs + detectionBound(k, nodes).maxMs) / 2;
  const saved = ms - ms * (typical({ ...knobs, 'membership.probeInterval': shorter }) / typical(knobs));
  const timeout = knobs['membership.probeTimeout'];
  const besides =
    timeout < shorter ? '' : ` (with membership.probeTimeout=${knobText(roundDown((timeout * shorter) / interval))})`;
  return `${knobText(shorter)} instead of ${knobText(interval)}${besides} saves about ${speakMs(saved)}`;
}

function endpointsRemoved(ms: number, knobs: Knobs): Bound {
  const [beat, grace, look] = [
    knobs['node.heartbeatInterval'],
    knobs['node.monitorGracePeriod'],
    knobs['node.monitorPeriod'],
  ];
  const write = knobs['endpoints.batchPeriod'] + knobs['proxy.minSyncPeriod'];
  const min = Math.max(0, grace - beat);
  const shorter = lower('node.monitorGracePeriod', grace, 0.4, 2 * beat);
  return {
    knob: 'node.monitorGracePeriod',
    knob_value: knobText(grace),
    bound:
      `${speakMs(grace)} after the node's last heartbeat, which is up to ${speakMs(beat)} older than the fault, seen within ${speakMs(look)}, ` +
      `then up to ${speakMs(write)} for slices and rules: ${speakMs(min)} to ${speakMs(grace + look + write)}`,
    saves:
      shorter === undefined || ms < grace - shorter
        ? ''
        : `${knobText(shorter)} instead of ${knobText(grace)} saves about ${speakMs(grace - shorter)}`,
  };
}

/** `share` of a knob's value, rounded down to 1, 2 or 5 times a power of ten, at least `floor` and the fast profile's; undefined when not a quarter less. */
function lower(knob: KnobName, value: number, share: number, floor = 0): number | undefined {
  const to = Math.max(KNOBS[knob].fast, floor, roundDown(value * share));
  return to > 0.75 * value ? undefined : to;
}

/** The largest of 1, 2, 5 times a power of ten that is not above `value`. */
function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return power * (value >= 5 * power ? 5 : value >= 2 * power ? 2 : 1);
}
