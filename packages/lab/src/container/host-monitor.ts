/** Watches one container of the lab from the supervisor's: beats over gRPC, and a TCP connection when they stop. */
import { connect } from 'node:net';
import { type Clock, type HostSpec, PORTS } from '@svclab/core';
import { type GrpcClient, grpcClient, type Logger } from '@svclab/runtime';
import { type HostBeat, HostServiceDefinition } from '@svclab/wire';
import { type HostEvent, HostView, type Reachability } from './host-view.ts';

/** Time between two beats, ms: by this much the start of a pause may be dated too early. */
export const BEAT_MS = 50;
/** Silence after which the host's kernel is asked, ms: a process that waits for a CPU on a busy machine is not a paused one. */
const SILENT_MS = 1500;
/** Time between two looks for silence, ms. */
const LOOK_MS = 100;
/** A look that comes later than this after the one before shows that this process itself did not run, ms. */
const LATE_MS = 500;
/** How long the kernel may take to answer, ms. */
const CONNECT_MS = 400;
/** How long this process must have run without a break before the end of a stream says something about the other side, ms. */
const AWAKE_MS = 1000;
/** Shortest silence before gRPC gives a stream up, ms. */
const GIVEN_UP_MS = 1000;
/** Time between two tries to watch, ms. */
const RETRY_MS = 50;

/** What a monitor tells. */
export interface MonitorEvents {
  /** Something was done to the host. */
  host(spec: HostSpec, event: HostEvent): void;
  /** A process of the host ended. */
  exited(spec: HostSpec, atNs: bigint, attrs: Readonly<Record<string, string>>): void;
}

export interface MonitorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly token: string;
  readonly events: MonitorEvents;
  /** Whether this process is on the control network itself: one that is not hears nobody. */
  connected(): boolean;
}

export class HostMonitor {
  readonly spec: HostSpec;
  readonly client: GrpcClient<typeof HostServiceDefinition>;
  readonly #view = new HostView(BEAT_MS);
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: MonitorEvents;
  readonly #connected: () => boolean;
  readonly #abort = new AbortController();
  /** Per boot: ids of observations start anew with it. */
  #told = { bootId: '', after: 0n };
  #asking = false;
  #looked = Number.NEGATIVE_INFINITY;
  #awakeSince = 0;

  constructor(spec: HostSpec, options: MonitorOptions) {
    this.spec = spec;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#events = options.events;
    this.#connected = options.connected;
    this.client = grpcClient(HostServiceDefinition, `${spec.controlIP}:${PORTS.host}`, {
      token: options.token,
      service: 'supervisor',
    });
    void this.#watch();
    const cancel = this.#clock.every(LOOK_MS, () => this.#listen());
    this.#abort.signal.addEventListener('abort', cancel);
  }

  /** Whether the container runs. */
  get up(): boolean {
    return this.#view.up;
  }
  /** Whether it can be asked something. */
  get answers(): boolean {
    return this.#view.answers;
  }

  close(): void {
    this.#abort.abort();
    this.client.close();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        for await (const beat of this.client.watch({ intervalMs: BEAT_MS, after: this.#told.after }, { signal }))
          this.#beat(beat);
      } catch (err) {
        this.#log.debug({ event: 'watch-ended', target: this.spec.name, err });
      }
      if (signal.aborted) return;
      if (this.#closedByItsEnd()) this.#tell(this.#view.ended(this.#clock.nowNs()));
      await new Promise<void>((resolve) => this.#clock.after(RETRY_MS, resolve));
    }
  }

  /**
   * A container's end closes its stream in the middle of its beats. A stream that ends after a silence was given up by gRPC, which says
   * nothing more than the silence does; one that ends while this process was away, nothing at all.
   */
  #closedByItsEnd(): boolean {
    const silentNs = this.#clock.nowNs() - this.#view.lastBeatNs;
    return (
      this.#connected() &&
      this.#clock.now() - this.#awakeSince > AWAKE_MS &&
      silentNs < BigInt(GIVEN_UP_MS) * 1_000_000n
    );
  }

  #beat(beat: HostBeat): void {
    // Observations of an earlier boot were asked for by the ids of that boot.
    if (beat.bootId !== this.#told.bootId) this.#told = { bootId: beat.bootId, after: 0n };
    this.#tell(this.#view.beat(beat, this.spec.lanIP !== undefined));
    for (const o of beat.observations) {
      this.#told = { bootId: beat.bootId, after: o.id };
      if (o.kind === 'exited') this.#events.exited(this.spec, o.atNs, o.attrs);
    }
  }

  #listen(): void {
    const now = this.#clock.now();
    // Who did not run has heard nothing: silence counts anew.
    if (now - this.#looked > LATE_MS || !this.#connected()) this.#awakeSince = now;
    this.#looked = now;
    const { lastBeatNs, answers } = this.#view;
    const silentMs = Math.min(Number(this.#clock.nowNs() - lastBeatNs) / 1e6, now - this.#awakeSince);
    if (!answers || this.#asking || silentMs < SILENT_MS) return;
    this.#asking = true;
    void this.#askKernel().then((reachability) => {
      this.#asking = false;
      if (this.#view.lastBeatNs === lastBeatNs) this.#tell(this.#view.silence(reachability));
    });
  }

  /** A paused container's kernel still accepts connections; one that is cut off says nothing. */
  #askKernel(): Promise<Reachability> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.spec.controlIP ?? '', port: PORTS.host });
      const end = (answer: Reachability): void => {
        cancel();
        socket.destroy();
        resolve(answer);
      };
      const cancel = this.#clock.after(CONNECT_MS, () => end('unreachable'));
      socket.on('connect', () => end('answers'));
      socket.on('error', () => end('unreachable'));
    });
  }

  #tell(events: readonly HostEvent[]): void {
    for (const event of events) this.#events.host(this.spec, event);
  }
}
