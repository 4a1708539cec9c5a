/** One container of a pod on this node: its probes, its restarts, its part of the status. */
import {
  type BackoffLimits,
  type BackoffState,
  backoffText,
  type Cancel,
  type Clock,
  type Container,
  ContainerProber,
  type ContainerRun,
  type ContainerStatus,
  decideRestart,
  type HealthProbeKind,
  type ObservedContainer,
  type Pod,
  type Probe,
  type ProbeOutcome,
} from '@svclab/core';
import type { HostedContainer } from '@svclab/wire';
import type { EventText } from '../report/events.ts';
import { lostRun } from './pod-runs.ts';

/** What a {@link ContainerWorker} needs. */
export interface ContainerWorkerOptions {
  readonly pod: Pod;
  readonly container: Container;
  readonly clock: Clock;
  readonly backoff: BackoffLimits;
  /** Restarts that pod-host does not count: those before it last began. */
  readonly restartBase: number;
  /** The container's last reported status, when an earlier run of the agent left the container running. */
  readonly adopted: ContainerStatus | undefined;
  /** The run before, when that is known. */
  readonly lastRun: ContainerRun | undefined;
  readonly attempt: (container: Container, probe: Probe, timeoutMs: number) => Promise<ProbeOutcome>;
  readonly restart: (container: string, reason: string) => Promise<void>;
  readonly stop: (container: string) => Promise<void>;
  readonly event: (text: EventText) => void;
  /** The status may have changed. */
  readonly onChange: () => void;
}

const PROBE_NAMES: Readonly<Record<HealthProbeKind, string>> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

/** Follows one container. */
export class ContainerWorker {
  readonly #options: ContainerWorkerOptions;
  #run: ContainerRun | undefined;
  #lastRun: ContainerRun | undefined;
  #runKey = '';
  #finishedMs = 0;
  #hostRestarts = 0;
  #prober: ContainerProber | undefined;
  #backoff: BackoffState | undefined;
  #crashLoop: { reason: string; message: string } | undefined;
  #timer: Cancel | undefined;
  #restarting = false;
  #terminating = false;
  #failedProbe = false;

  constructor(options: ContainerWorkerOptions) {
    this.#options = options;
    this.#lastRun = options.lastRun;
  }

  /** How often it was started again. */
  get restartCount(): number {
    return this.#options.restartBase + this.#hostRestarts;
  }

  /** Takes in what pod-host says. */
  observe(hosted: HostedContainer): void {
    const { clock } = this.#options;
    const run: ContainerRun = {
      state: hosted.state as ContainerRun['state'],
      reason: hosted.reason,
      message: hosted.message,
      exitCode: hosted.exitCode,
      startedMs: Number(hosted.startedWallMs),
      finishedMs: Number(hosted.finishedWallMs),
      containerID: hosted.containerId,
    };
    const key = run.state === 'waiting' ? '' : `${run.containerID} ${run.startedMs}`;
    if (this.#run?.state === 'terminated' && key !== this.#runKey) this.#lastRun = this.#run;
    const isNew = key !== this.#runKey;
    if (run.state === 'terminated' && (isNew || this.#run?.state !== 'terminated'))
      this.#finishedMs = clock.now() - Math.max(0, clock.wall() - run.finishedMs);
    const first = this.#runKey === '';
    this.#run = run;
    this.#runKey = key;
    this.#hostRestarts = hosted.restartCount;
    if (isNew) this.#endRun();
    if (run.state === 'running' && isNew) this.#began(run, first);
    if (run.state === 'terminated') {
      this.#endRun();
      this.#considerRestart();
    }
    this.#options.onChange();
  }

  /** The pod is to end: nothing is restarted any more, and only readiness still counts. */
  terminate(): void {
    this.#terminating = true;
    this.#prober?.endHealthChecks();
    this.#timer?.();
  }

  /** pod-host has gone and its containers with it. Returns how this one's run ended; undefined when it had none. */
  lose(): ContainerRun | undefined {
    this.dispose();
    if (this.#run?.state === 'running') this.#run = lostRun(this.#run, this.#options.clock.wall());
    return this.#run?.state === 'terminated' ? this.#run : this.#lastRun;
  }

  /** Ends timers and probes; the container itself is left alone. */
  dispose(): void {
    this.terminate();
    this.#endRun();
  }

  /** Its part of the status. */
  observed(): ObservedContainer {
    const running = this.#run?.state === 'running';
    return {
      name: this.#options.container.name,
      run: this.#run,
      lastRun: this.#lastRun,
      restartCount: this.restartCount,
      ready: running && (this.#prober?.ready ?? false),
      started: running && (this.#prober?.started ?? false),
      waiting: this.#crashLoop,
    };
  }

  #began(run: ContainerRun, first: boolean): void {
    const { clock, container, event, onChange, adopted } = this.#options;
    this.#crashLoop = undefined;
    this.#failedProbe = false;
    const survivor = first && adopted?.containerID === run.containerID ? adopted : undefined;
    if (!survivor) {
      const image = container.image ?? '';
      const about = { type: 'Normal' as const, container: container.name };
      event({ ...about, reason: 'Pulled', message: `Container image "${image}" already present on machine` });
      event({ ...about, reason: 'Created', message: `Created container: ${container.name}` });
      event({ ...about, reason: 'Started', message: `Started container ${container.name}` });
    }
    this.#prober = new ContainerProber({
      clock,
      container,
      startedMs: clock.now() - Math.max(0, clock.wall() - run.startedMs),
      wasReady: survivor?.ready ?? false,
      wasStarted: survivor?.started ?? false,
      attempt: (_, probe, timeoutMs) => this.#options.attempt(container, probe, timeoutMs),
      onChange,
      onUnhealthy: (kind, message, errored) =>
        event({
          type: 'Warning',
          reason: 'Unhealthy',
          message: `${PROBE_NAMES[kind]} probe ${errored ? 'errored and resulted in unknown state' : 'failed'}: ${message}`,
          container: container.name,
        }),
      onDead: (kind) => this.#dead(kind),
    });
    if (this.#terminating) this.#prober.endHealthChecks();
    this.#prober.start();
  }

  #dead(kind: 'startup' | 'liveness'): void {
    if (this.#terminating) return;
    const { pod, container, event, stop, onChange } = this.#options;
    this.#failedProbe = true;
    const next = pod.spec.restartPolicy === 'Never' ? '' : ', will be restarted';
    event({
      type: 'Normal',
      reason: 'Killing',
      message: `Container ${container.name} failed ${kind} probe${next}`,
      container: container.name,
    });
    onChange();
    const tryStop = (): void => {
      const { clock } = this.#options;
      stop(container.name).catch(() => {
        if (!this.#terminating) this.#timer = clock.after(1000, tryStop);
      });
    };
    tryStop();
  }

  #considerRestart(): void {
    const { pod, container, clock, backoff } = this.#options;
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (this.#terminating || this.#restarting || policy === 'Never' || this.#run?.state !== 'terminated') return;
    // A failed probe is a failure, whatever exit code the container makes of its end.
    if (policy === 'OnFailure' && this.#run?.exitCode === 0 && !this.#failedProbe) return;
    const decision = decideRestart(this.#backoff, this.#finishedMs, clock.now(), backoff);
    this.#timer?.();
    if (decision.restart) {
      this.#restarting = true;
      void this.#restart(decision.state);
      return;
    }
    const label = `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid ?? ''})`;
    if (!this.#crashLoop)
      this.#options.event({
        type: 'Warning',
        reason: 'BackOff',
        message: `Back-off restarting failed container ${container.name} in pod ${label}`,
        container: container.name,
      });
    this.#crashLoop = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${backoffText(decision.delayMs)} restarting failed container=${container.name} pod=${label}`,
    };
    this.#timer = clock.after(Math.max(0, decision.atMs - clock.now()), () => this.#considerRestart());
  }

  async #restart(state: BackoffState): Promise<void> {
    const ended = this.#runKey;
    try {
      await this.#options.restart(this.#options.container.name, this.#run?.reason ?? '');
      this.#backoff = state;
    } catch {
      if (!this.#terminating) this.#timer = this.#options.clock.after(1000, () => this.#considerRestart());
    } finally {
      this.#restarting = false;
    }
    // The new run may have ended while the call was under way.
    if (this.#runKey !== ended) this.#considerRestart();
  }

  #endRun(): void {
    this.#prober?.stop();
    this.#prober = undefined;
  }
}
