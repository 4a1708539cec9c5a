/** One process of the lab: started in its host's namespace, watched, restarted with back-off unless something holds it down. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Cancel, Clock } from '@svclab/core';

/** What to start, and where. */
export interface ProcessSpec {
  readonly component: string;
  readonly host: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File the process writes when it serves; undefined: it is ready once `probe` says so. */
  readonly readyFile: string | undefined;
  /** Where its output goes; undefined: where the output of this process goes. */
  readonly logFile: string | undefined;
  /** A descriptor of the supervisor handed to the process as its descriptor 3. */
  readonly passFd?: number;
}

/** Where processes are started: the namespace of a host, or where this process is. */
export interface Place {
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}

/** Life of a process: `down` between its end and the next start, `held` while a fault keeps it down. */
export type ProcessState = 'starting' | 'ready' | 'down' | 'held';

/** What the supervisor is told. */
export interface ProcessEvents {
  exited(process: ManagedProcess, code: number | null, signal: NodeJS.Signals | null): void;
}

/** Restart back-off: at once the first time, then 50 ms doubling to 1 s, forgotten after 5 s of life. */
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 1000;
const HEALTHY_MS = 5000;
/** How soon a process that starts is looked at again before it is told to reload, ms. */
const RELOAD_MS = 20;
/** A log file is started anew at this size; one old generation is kept. */
const LOG_LIMIT = 16 << 20;

export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #clock: Clock;
  readonly #events: ProcessEvents;
  #child: ChildProcess | undefined;
  #place: Place;
  #held = false;
  #stopped = false;
  #backoff = 0;
  #startedAt = 0;
  #startedWall = 0;
  #starts = 0;
  #cancel: Cancel = () => {};
  #ready = false;

  constructor(spec: ProcessSpec, place: Place, options: { clock: Clock; events: ProcessEvents }) {
    this.spec = spec;
    this.#place = place;
    this.#clock = options.clock;
    this.#events = options.events;
  }

  get name(): string {
    return `${this.spec.component}@${this.spec.host}`;
  }
  /** Pid inside the lab; 0 while it is down. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  /** How often it was started again. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1);
  }
  /** Wall clock of the last start, ms. */
  get startedWall(): number {
    return this.#startedWall;
  }
  get state(): ProcessState {
    if (this.#held) return 'held';
    if (!this.#child) return 'down';
    if (!this.#ready && this.spec.readyFile !== undefined && exists(this.spec.readyFile)) this.#ready = true;
    return this.#ready ? 'ready' : 'starting';
  }

  /** Says that the process serves, for one that writes no ready file. */
  markReady(): void {
    if (this.#child) this.#ready = true;
  }

  /** Starts it in `place` (its host may have a new one). Does nothing while it runs. */
  start(place: Place = this.#place): void {
    this.#cancel();
    this.#place = place;
    this.#held = false;
    if (this.#child || this.#stopped) return;
    this.#ready = false;
    if (this.spec.readyFile !== undefined) rmSync(this.spec.readyFile, { force: true });
    this.#spawn();
    this.#starts += 1;
    this.#startedAt = this.#clock.now();
    this.#startedWall = this.#clock.wall();
  }

  /** Sends a signal; false when there is nothing to send it to. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  /**
   * Has it read its configuration anew (SIGHUP). One that is just starting may have read the old one already, and a signal it does not
   * handle yet would end it: it is told once it is ready. One that is down will read the new one anyway.
   */
  reload(): void {
    if (this.state === 'starting') this.#clock.after(RELOAD_MS, () => this.reload());
    else this.signal('SIGHUP');
  }

  /** Keeps it down once it has ended. */
  hold(): void {
    this.#held = true;
    this.#cancel();
  }

  /** Ends it for good: SIGTERM, then SIGKILL after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    const child = this.#child;
    if (!child) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(graceMs, () => child.kill('SIGKILL'));
      child.once('exit', () => {
        cancel();
        resolve();
      });
      child.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    });
  }

  #spawn(): void {
    const { args, command, env, logFile, passFd } = this.spec;
    if (logFile !== undefined) rotate(logFile);
    const log = logFile === undefined ? undefined : openSync(logFile, 'a');
    try {
      const output = log ?? 'inherit';
      const options: SpawnOptions = {
        env: { ...env },
        stdio: ['ignore', output, output, ...(passFd === undefined ? [] : [passFd])],
      };
      const child = this.#place.spawn(command, args, options);
      this.#child = child;
      child.once('error', () => this.#ended(child, 127, null));
      child.once('exit', (code, signal) => this.#ended(child, code, signal));
    } finally {
      if (log !== undefined) closeSync(log);
    }
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#ready = false;
    this.#events.exited(this, code, signal);
    if (this.#held || this.#stopped) return;
    if (this.#clock.now() - this.#startedAt >= HEALTHY_MS) this.#backoff = 0;
    this.#cancel = this.#clock.after(this.#backoff, () => this.start());
    this.#backoff = Math.min(BACKOFF_MAX_MS, Math.max(BACKOFF_MIN_MS, this.#backoff * 2));
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function rotate(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_LIMIT) renameSync(path, `${path}.1`);
}
