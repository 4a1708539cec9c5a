/**
 * What happens to a container, told from what its first process sends (a pure state machine): a stream of beats that ends when the
 * container ends, falls silent when it is paused or cut off, and starts anew with another boot id when it was started again.
 *
 *     unknown ── beat ──> up ── stream ends ──> gone ── beat, new boot ──> up
 *                         │└─ silence ──> silent ── beat, same boot ──> up
 *                         └─ LAN missing in the beats: up, cut off from the LAN
 */
import type { HostBeat } from '@svclab/wire';

/** What was done to a host, in Docker's words. */
export type HostFault = 'kill' | 'stop' | 'pause' | 'disconnect';

/** A step of the timeline that follows from what was seen. */
export interface HostEvent {
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly atNs: bigint;
  readonly type: 'effective' | 'healed';
  readonly fault: HostFault;
  /** By how much `atNs` may be too early, ms: beats come at intervals. 0: seen at once. */
  readonly errorMs: number;
  /** The network that was lost, for `disconnect`. */
  readonly network: string;
}

/** Whether a host that is silent has a kernel that still answers: it is paused then; else it is cut off. */
export type Reachability = 'answers' | 'unreachable';

interface Trouble {
  readonly fault: HostFault;
  readonly network: string;
}

/** Follows one host. */
export class HostView {
  readonly #intervalMs: number;
  #bootId = '';
  #stopping = false;
  #lastBeatNs = 0n;
  #gone: HostFault | undefined;
  #silent: Trouble | undefined;
  #lanLost = false;

  /** @param intervalMs time between two beats */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Whether the host runs, as far as is known: true for one that is paused or cut off. */
  get up(): boolean {
    return this.#bootId !== '' && this.#gone === undefined;
  }

  /** Time of the last beat, CLOCK_MONOTONIC ns; 0 before the first. */
  get lastBeatNs(): bigint {
    return this.#lastBeatNs;
  }

  /** Whether it runs and is neither paused nor cut off from the control network. */
  get answers(): boolean {
    return this.up && this.#silent === undefined;
  }

  /** A beat has come. */
  beat(beat: Pick<HostBeat, 'atNs' | 'bootId' | 'stopping' | 'lan'>, hasLan: boolean): HostEvent[] {
    const events: HostEvent[] = [];
    const { atNs } = beat;
    if (this.#bootId !== '' && beat.bootId !== this.#bootId) events.push(...this.#restarted(atNs));
    else if (this.#silent) events.push(event('healed', atNs, this.#silent));
    else if (this.#gone) {
      // The stream had broken and the host had not.
      events.push(event('healed', atNs, { fault: this.#gone, network: '' }));
    }
    this.#gone = undefined;
    this.#silent = undefined;
    this.#bootId = beat.bootId;
    this.#lastBeatNs = atNs;
    if (beat.stopping && !this.#stopping) {
      this.#stopping = true;
      events.push(event('effective', atNs, { fault: 'stop', network: '' }, this.#intervalMs));
    }
    if (hasLan && beat.lan === this.#lanLost) {
      this.#lanLost = !beat.lan;
      const type = this.#lanLost ? 'effective' : 'healed';
      events.push(event(type, atNs, { fault: 'disconnect', network: 'lan' }, this.#intervalMs));
    }
    return events;
  }

  /** The stream of beats has ended, which a container's end does at once. A pause or a cut says nothing. */
  ended(atNs: bigint): HostEvent[] {
    if (this.#bootId === '' || this.#gone || this.#silent) return [];
    if (this.#stopping) {
      this.#gone = 'stop';
      return [];
    }
    this.#gone = 'kill';
    return [event('effective', atNs, { fault: 'kill', network: '' })];
  }

  /** No beat has come for a while, and this is what its kernel said when it was asked. */
  silence(reachability: Reachability): HostEvent[] {
    if (!this.answers) return [];
    this.#silent =
      reachability === 'answers' ? { fault: 'pause', network: '' } : { fault: 'disconnect', network: 'control' };
    return [event('effective', this.#lastBeatNs, this.#silent, this.#intervalMs)];
  }

  /** It runs anew: what ended it may have gone unnoticed. */
  #restarted(atNs: bigint): HostEvent[] {
    const events: HostEvent[] = [];
    if (this.#silent) events.push(event('healed', this.#lastBeatNs, this.#silent));
    if (!this.#gone) {
      this.#gone = this.#stopping ? 'stop' : 'kill';
      if (!this.#stopping)
        events.push(event('effective', this.#lastBeatNs, { fault: 'kill', network: '' }, this.#intervalMs));
    }
    events.push(event('healed', atNs, { fault: this.#gone, network: '' }));
    this.#stopping = false;
    this.#lanLost = false;
    return events;
  }
}

function event(type: HostEvent['type'], atNs: bigint, trouble: Trouble, errorMs = 0): HostEvent {
  return { type, atNs, errorMs, ...trouble };
}
