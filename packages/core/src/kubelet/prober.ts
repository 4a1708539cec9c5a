/** Probes of one run of a container. Source: kubernetes `pkg/kubelet/prober/worker.go`. */
import type { Container, Probe } from '../api/core.ts';
import type { Cancel, Clock } from '../clock.ts';

/** What a probe is for. */
export type HealthProbeKind = 'startup' | 'readiness' | 'liveness';

/**
 * How one attempt ended. `message` says why it failed, in the kubelet's words. `errored`: the attempt could not be made (no such port, no
 * way into the container), which says nothing about the container and counts neither way.
 */
export type ProbeOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly message: string; readonly errored?: true };

/** Timers of a probe with the API's defaults filled in. */
export interface ProbeTimers {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** The defaults of `core/v1` (`SetDefaults_Probe`): period 10 s, timeout 1 s, one success, three failures. */
export function probeTimers(probe: Probe): ProbeTimers {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1000,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

/** Consecutive outcomes of one probe, and the result that stands. */
export class ProbeResult {
  readonly #timers: Pick<ProbeTimers, 'successThreshold' | 'failureThreshold'>;
  #standing: boolean;
  #last: boolean | undefined;
  #run = 0;

  constructor(timers: Pick<ProbeTimers, 'successThreshold' | 'failureThreshold'>, initial: boolean) {
    this.#timers = timers;
    this.#standing = initial;
  }

  /** True while the probe counts as passed. */
  get ok(): boolean {
    return this.#standing;
  }

  /** Takes in one outcome. Returns true when a threshold has been reached with it (again, for outcomes that confirm the result). */
  record(ok: boolean): boolean {
    this.#run = this.#last === ok ? this.#run + 1 : 1;
    this.#last = ok;
    if (this.#run < (ok ? this.#timers.successThreshold : this.#timers.failureThreshold)) return false;
    this.#standing = ok;
    return true;
  }
}

/** What a {@link ContainerProber} needs. */
export interface ContainerProberOptions {
  readonly clock: Clock;
  readonly container: Container;
  /** When this run of the container began, on the monotonic clock; it may lie in the past. */
  readonly startedMs: number;
  /** True when the container was ready before this process began: it stays so until a probe says otherwise. */
  readonly wasReady?: boolean;
  /** True when the startup probe had passed before this process began: it is not made again. */
  readonly wasStarted?: boolean;
  /** Makes one attempt; must end within `timeoutMs`. */
  readonly attempt: (kind: HealthProbeKind, probe: Probe, timeoutMs: number) => Promise<ProbeOutcome>;
  /** `started` or `ready` changed. */
  readonly onChange: () => void;
  /** One attempt failed, or could not be made (`errored`). */
  readonly onUnhealthy: (kind: HealthProbeKind, message: string, errored: boolean) => void;
  /** Startup or liveness failed for good: the container is to be restarted. No probe is made any more. */
  readonly onDead: (kind: 'startup' | 'liveness') => void;
}

/** Makes the probes of one run of a container until `stop`. */
export class ContainerProber {
  readonly #options: ContainerProberOptions;
  #started: boolean;
  #ready: boolean;
  #dead = false;
  #stopped = false;
  #onlyReadiness = false;
  #timers: Cancel[] = [];

  constructor(options: ContainerProberOptions) {
    this.#options = options;
    const { startupProbe, readinessProbe } = options.container;
    this.#started = startupProbe === undefined || options.wasReady === true || options.wasStarted === true;
    this.#ready = this.#started && (readinessProbe === undefined || options.wasReady === true);
  }

  /** The startup probe has passed, or there is none. */
  get started(): boolean {
    return this.#started;
  }

  /** The readiness probe passes, or there is none and the container has started. */
  get ready(): boolean {
    return this.#ready && !this.#dead;
  }

  /** Begins. */
  start(): void {
    if (this.#started) this.#startMain();
    else this.#loop('startup', this.#options.container.startupProbe, false);
  }

  /** Ends; attempts under way are ignored. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
  }

  /** Liveness and startup do not count any more, for the pod is ending; readiness does (kubelet `StopLivenessAndStartup`). */
  endHealthChecks(): void {
    this.#onlyReadiness = true;
  }

  #startMain(): void {
    const { readinessProbe, livenessProbe } = this.#options.container;
    this.#loop('readiness', readinessProbe, this.#ready);
    this.#loop('liveness', livenessProbe, true);
  }

  /** Attempts each period, counted from now, but none before the initial delay is over. */
  #loop(kind: HealthProbeKind, probe: Probe | undefined, initial: boolean): void {
    if (!probe) return;
    const { clock, startedMs } = this.#options;
    const timers = probeTimers(probe);
    const result = new ProbeResult(timers, initial);
    let busy = false;
    let cancel: Cancel = () => undefined;
    const tick = async (): Promise<void> => {
      // The kubelet compares whole seconds.
      if (busy || (this.#onlyReadiness && kind !== 'readiness')) return;
      if (Math.floor((clock.now() - startedMs) / 1000) * 1000 < timers.initialDelayMs) return;
      busy = true;
      const outcome = await this.#options.attempt(kind, probe, timers.timeoutMs);
      busy = false;
      if (this.#stopped || this.#dead || (kind === 'startup' && this.#started)) return;
      if (this.#onlyReadiness && kind !== 'readiness') return;
      const errored = !outcome.ok && outcome.errored === true;
      if (!outcome.ok) this.#options.onUnhealthy(kind, outcome.message, errored);
      if (errored) return;
      if (result.record(outcome.ok)) this.#settle(kind, outcome.ok, cancel);
    };
    cancel = clock.every(timers.periodMs, () => void tick());
    this.#timers.push(cancel);
    void tick();
  }

  #settle(kind: HealthProbeKind, ok: boolean, endLoop: Cancel): void {
    if (kind === 'readiness') {
      if (this.#ready === ok) return;
      this.#ready = ok;
      this.#options.onChange();
      return;
    }
    if (!ok) {
      this.#dead = true;
      this.stop();
      this.#options.onDead(kind);
      return;
    }
    if (kind === 'liveness') return;
    endLoop();
    this.#started = true;
    this.#ready = this.#options.container.readinessProbe === undefined;
    this.#options.onChange();
    this.#startMain();
  }
}
