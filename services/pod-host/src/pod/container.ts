import type { Cancel, Clock, Container as ContainerSpec, Random } from '@svclab/core';
import type { Netns } from '@svclab/runtime';
import type { Behaviour } from '../behaviour/behaviour.ts';
import { Gate } from '../behaviour/gate.ts';
import type { ContainerContext, ContainerIdentity, Image, Port, UpstreamReply } from '../images/image.ts';
import { findImage } from '../images/registry.ts';
import { LogRing } from '../logs/log-ring.ts';
import { createListener, type Listener } from './listener.ts';

/** State of a container, as in ContainerStatus. Times are milliseconds since the epoch. */
export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'running'; readonly startedMs: number }
  | {
      readonly kind: 'terminated';
      readonly exitCode: number;
      readonly reason: string;
      readonly message: string;
      readonly startedMs: number;
      readonly finishedMs: number;
    };

/** Exit code of a process that died of SIGKILL: 128 + 9. */
export const EXIT_KILLED = 137;

/** What a container stands on. */
export interface ContainerOptions {
  readonly spec: ContainerSpec;
  readonly identity: ContainerIdentity;
  readonly env: Readonly<Record<string, string>>;
  readonly netns: Pick<Netns, 'fd'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly behaviour: () => Behaviour;
  readonly callUpstream: (url: URL) => Promise<UpstreamReply>;
  /** Why it cannot run at all; undefined: it can. */
  readonly refusal?: { readonly reason: string; readonly message: string } | undefined;
  /** The state changed. */
  readonly onChange: () => void;
}

/** One emulated container: its runs, its ports, its log. */
export class Container {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #options: ContainerOptions;
  readonly #image: Image;
  readonly #gate = new Gate();
  #state: ContainerState = { kind: 'waiting', reason: 'ContainerCreating', message: '' };
  #restarts = 0;
  #log = new LogRing();
  #previousLog: LogRing | undefined;
  #listeners: Listener[] = [];
  #timers: Cancel[] = [];

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.name = options.spec.name;
    this.env = options.env;
    this.#image = findImage(options.spec.image ?? '');
    if (options.refusal) this.#state = { kind: 'waiting', ...options.refusal };
  }

  get state(): ContainerState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The log of this run, or of the one before; undefined when there was none. */
  log(previous: boolean): LogRing | undefined {
    return previous ? this.#previousLog : this.#log;
  }

  /** Starts it, unless it runs or cannot run. */
  start(): void {
    if (this.#state.kind === 'running' || this.#options.refusal) return;
    if (this.#state.kind === 'terminated') {
      this.#restarts++;
      this.#previousLog = this.#log;
      this.#log = new LogRing();
    }
    this.#state = { kind: 'running', startedMs: this.#options.clock.wall() };
    const behaviour = this.#options.behaviour();
    const program = this.#image.start(this.#context());
    for (const line of program.startLines) this.#write(line);
    const open = (): void => {
      for (const port of this.#ports()) {
        if (this.#state.kind !== 'running') return;
        const listener = createListener(program, port, {
          netns: this.#options.netns,
          clock: this.#options.clock,
          hangs: () => this.#gate.closed,
          onError: (failed, error) => this.#listenFailed(failed, error),
        });
        if (listener) {
          this.#listeners.push(listener);
          this.#follow(listener);
        } else this.#write(`Port ${port.port}/${port.protocol} is not served: TCP and UDP are`);
      }
    };
    if (behaviour.startupDelay > 0) this.#timers.push(this.#options.clock.after(behaviour.startupDelay, open));
    else open();
    if (behaviour.exitAfter !== undefined)
      this.#timers.push(this.#options.clock.after(behaviour.exitAfter, () => this.exit(behaviour.exitCode)));
    this.#options.onChange();
  }

  /** Its behaviour may have changed: takes connections, or no more, or leaves them waiting. */
  behave(): void {
    this.#gate.set(this.#options.behaviour().connections === 'hang');
    for (const listener of [...this.#listeners]) this.#follow(listener);
  }

  /** Ends it if it runs, then starts it. The restart count grows by one. */
  async restart(graceMs: number): Promise<void> {
    await this.stop(graceMs);
    this.start();
  }

  /** Says that the end is near: answers carry `Connection: close` from now on. */
  lameDuck(): void {
    for (const listener of this.#listeners) listener.lameDuck();
  }

  /** Ends it politely, as a server that handles SIGTERM: exit code 0. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state.kind !== 'running') return;
    this.#write('Received SIGTERM, finishing the requests in flight');
    this.#clearTimers();
    // The listeners stay known meanwhile, so that kill() can still cut them off.
    await Promise.all(this.#listeners.map((listener) => listener.drain(graceMs)));
    if (this.#state.kind === 'running') this.#listeners = [];
    this.#terminate(0, 'Completed');
  }

  /** Ends it at once, as SIGKILL: connections are reset. */
  kill(): void {
    this.exit(EXIT_KILLED);
  }

  /** Ends it with an exit code of its own; connections are cut. */
  exit(code: number, message = ''): void {
    if (this.#state.kind !== 'running') return;
    this.#clearTimers();
    for (const listener of this.#listeners.splice(0)) listener.kill();
    this.#terminate(code, code === 0 ? 'Completed' : 'Error', message);
  }

  #follow(listener: Listener): void {
    if (this.#options.behaviour().connections === 'refuse') listener.refuse();
    else listener.accept();
  }

  #clearTimers(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  #terminate(exitCode: number, reason: string, message = ''): void {
    if (this.#state.kind !== 'running') return;
    const { startedMs } = this.#state;
    this.#state = {
      kind: 'terminated',
      exitCode,
      reason,
      message,
      startedMs,
      finishedMs: this.#options.clock.wall(),
    };
    this.#log.close();
    this.#options.onChange();
  }

  #listenFailed(port: Port, error: NodeJS.ErrnoException): void {
    const reason = error.code === 'EADDRINUSE' ? 'address already in use' : error.message;
    const message = `listen ${port.protocol.toLowerCase()} :${port.port}: bind: ${reason}`;
    this.#write(message);
    this.exit(1, message);
  }

  #write(line: string): void {
    this.#log.append({ wallMs: this.#options.clock.wall(), line });
  }

  /** Declared ports, else those the image is known for. */
  #ports(): Port[] {
    const declared = this.#options.spec.ports ?? [];
    const ports =
      declared.length > 0
        ? declared.map((p) => ({ port: p.containerPort, protocol: p.protocol ?? 'TCP' }))
        : this.#image.defaultPorts(this.#context());
    return [...new Map(ports.map((p) => [`${p.protocol} ${p.port}`, p])).values()];
  }

  #context(): ContainerContext {
    const { spec, identity, env, clock, random, behaviour, callUpstream } = this.#options;
    return {
      identity,
      env,
      args: [...(spec.command ?? []), ...(spec.args ?? [])],
      clock,
      random,
      behaviour,
      callUpstream,
      held: () => this.#gate.wait(),
      log: (line) => this.#write(line),
      exit: (code) => this.exit(code),
    };
  }
}
