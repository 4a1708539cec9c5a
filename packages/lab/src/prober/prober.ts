/**
 * The paced prober. Open loop: tick `n` is due at start + n x interval, whatever became of the ticks before it; a tick that comes late
 * is sent late and counted as late, never skipped (no coordinated omission, no drift).
 *
 * Each tick sends two requests: one on a connection of its own, one on the connection that stays open. When the latter has broken, each tick
 * dials anew with its own request, and the first that connects becomes the kept connection, as an HTTP client's pool does.
 */
import type { Clock } from '@svclab/core';
import { ProbeConnection, type ProbeTarget } from './connection.ts';
import { Recorder } from './recorder.ts';

/**
 * Default time-out of one request, milliseconds. Below 1 s, the first retransmission of a SYN (RFC 6298): a lost SYN then always counts as
 * lost, and an outage is not stretched to the 1-3-7 s steps of the retransmissions.
 */
export const DEFAULT_TIMEOUT_MS = 500;

/** How to probe. Milliseconds. */
export interface ProberOptions {
  readonly target: ProbeTarget;
  readonly intervalMs: number;
  /** undefined: until `stop`. */
  readonly durationMs: number | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called about once a second. */
  readonly onProgress?: (progress: { sent: number; lostNew: number; lostReused: number }) => void;
}

interface InFlight {
  readonly recorder: Recorder;
  readonly seq: number;
  readonly connection: ProbeConnection;
  readonly deadlineMs: number;
}

/** One run of the prober. */
export class Prober {
  readonly new: Recorder;
  readonly reused: Recorder;
  /** CLOCK_MONOTONIC at millisecond 0 of all samples, nanoseconds. */
  readonly startNs: bigint;
  readonly #options: ProberOptions;
  readonly #startMs: number;
  readonly #ticks: number;
  /** In order of deadline, since all time-outs are the same. */
  readonly #inFlight: InFlight[] = [];
  #inFlightHead = 0;
  #kept: ProbeConnection | undefined;
  #next = 0;
  #stopped = false;
  #progressAt = 1000;
  #finish: () => void = () => {};

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#ticks =
      options.durationMs === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(1, Math.round(options.durationMs / options.intervalMs));
    const capacity = Number.isFinite(this.#ticks) ? Math.min(this.#ticks, 1_000_000) : 6000;
    this.new = new Recorder(options.intervalMs, capacity);
    this.reused = new Recorder(options.intervalMs, capacity);
    // The first tick is due a moment from now, so that it is not late by the time it takes to get there.
    this.startNs = options.clock.nowNs() + BigInt(Math.round(options.intervalMs * 1e6));
    this.#startMs = options.clock.now() + options.intervalMs;
  }

  /** Runs to the end and resolves once every request's fate is known. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#step();
    });
  }

  /** Sends no more; `run` resolves when what is in flight has ended. */
  stop(): void {
    this.#stopped = true;
  }

  #now(): number {
    return this.#options.clock.now() - this.#startMs;
  }

  #sending(): boolean {
    return !this.#stopped && this.#next < this.#ticks;
  }

  #step(): void {
    let now = this.#now();
    while (this.#sending() && this.#next * this.#options.intervalMs <= now) {
      this.#tick(this.#next++);
      now = this.#now();
    }
    this.#expire(now);
    if (now >= this.#progressAt) {
      this.#progressAt += 1000;
      this.#options.onProgress?.({ sent: this.new.count, lostNew: this.new.lost(), lostReused: this.reused.lost() });
    }
    if (!this.#sending() && this.new.pending === 0 && this.reused.pending === 0) {
      this.#close();
      return;
    }
    const wait = this.#sending() ? this.#next * this.#options.intervalMs - now : Math.min(5, this.#options.intervalMs);
    // Timers count whole milliseconds and never fire early; a shorter wait would only spin.
    this.#options.clock.after(Math.max(1, Math.floor(wait)), () => this.#step());
  }

  #tick(seq: number): void {
    const { target } = this.#options;
    this.new.sent(this.#now());
    const own = new ProbeConnection(
      target,
      this.#events(this.new, () => {}),
    );
    own.send(seq, target.once);
    this.#watch(this.new, seq, own);

    this.reused.sent(this.#now());
    this.#sendReused(seq);
  }

  #sendReused(seq: number): void {
    const { target } = this.#options;
    let connection = this.#kept;
    if (!connection?.usable)
      connection = new ProbeConnection(
        target,
        this.#events(this.reused, (established) => {
          if (this.#kept?.usable) established.retire();
          else this.#kept = established;
        }),
      );
    connection.send(seq, target.keep);
    this.#watch(this.reused, seq, connection);
  }

  #events(recorder: Recorder, established: (connection: ProbeConnection) => void) {
    return {
      done: (seq: number, outcome: Parameters<Recorder['done']>[2], backend: string) =>
        recorder.done(seq, this.#now(), outcome, backend),
      established,
      unanswered: (seqs: readonly number[]) => {
        for (const seq of seqs) this.#sendReused(seq);
      },
    };
  }

  #watch(recorder: Recorder, seq: number, connection: ProbeConnection): void {
    this.#inFlight.push({ recorder, seq, connection, deadlineMs: this.#now() + this.#options.timeoutMs });
  }

  #expire(now: number): void {
    for (;;) {
      const head = this.#inFlight[this.#inFlightHead];
      if (!head || head.deadlineMs > now) break;
      this.#inFlightHead++;
      if (head.recorder.isPending(head.seq)) head.connection.timeOut();
      else if (head.recorder === this.new && !head.connection.closed) head.connection.destroy();
    }
    if (this.#inFlightHead > 1024) {
      this.#inFlight.splice(0, this.#inFlightHead);
      this.#inFlightHead = 0;
    }
  }

  #close(): void {
    for (const { connection } of this.#inFlight) if (!connection.closed) connection.destroy();
    this.#kept?.destroy();
    this.#finish();
  }
}
