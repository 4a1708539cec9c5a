import type { Cancel, Clock, Pod } from '@svclab/core';
import type { EnsurePodRequest, HostedContainer, HostedPod } from '@svclab/wire';

type State = Pick<HostedContainer, 'state' | 'reason' | 'message' | 'exitCode' | 'startedWallMs' | 'finishedWallMs'>;

const WAITING: State = {
  state: 'waiting',
  reason: 'ContainerCreating',
  message: '',
  exitCode: 0,
  startedWallMs: 0n,
  finishedWallMs: 0n,
};

interface FakeContainer {
  readonly name: string;
  restarts: number;
  state: State;
}

const DEFAULT_GRACE_SECONDS = 30;
const RUNTIME = 'svclab.dev/runtime';

/** One pod of the fake pod-host. */
export class FakePod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ip: string;
  readonly env: EnsurePodRequest['env'];
  /** Annotations as of the last EnsurePod. */
  annotations: Readonly<Record<string, string>>;
  /** Requests are in flight: a polite end takes until it is killed or the pod's grace period is over. */
  inFlight = false;
  readonly #clock: Clock;
  readonly #object: Pod;
  readonly #containers: readonly FakeContainer[];
  readonly #onChange: () => void;
  #drains: (() => void)[] = [];

  constructor(request: EnsurePodRequest, clock: Clock, onChange: () => void) {
    const object = JSON.parse(Buffer.from(request.podJson).toString()) as Pod;
    this.name = request.name;
    this.namespace = request.namespace;
    this.uid = request.uid;
    this.ip = request.ip;
    this.env = request.env;
    this.annotations = object.metadata.annotations ?? {};
    this.#object = object;
    this.#clock = clock;
    this.#onChange = onChange;
    const runtime = this.annotations[RUNTIME] ?? 'emulated';
    const refused: State = {
      ...WAITING,
      reason: 'CreateContainerConfigError',
      message: `Annotation ${RUNTIME} does not take "${runtime}"`,
    };
    const state = runtime === 'emulated' ? WAITING : refused;
    this.#containers = object.spec.containers.map(({ name }) => ({ name, restarts: 0, state }));
  }

  /** Whether it has a container of this name; an empty name means the first. */
  has(container: string): boolean {
    return this.#find(container) !== undefined;
  }

  /** State of a container; "" when there is none of this name. */
  stateOf(container: string): string {
    return this.#find(container)?.state.state ?? '';
  }

  /** Starts what waits. */
  start(): void {
    for (const container of this.#containers) this.#start(container);
  }

  /** A container ends by itself. */
  exit(container: string, exitCode: number): void {
    const found = this.#find(container);
    if (found) this.#end(found, exitCode);
  }

  /** Ends a container as SIGTERM does. */
  async stop(container: string): Promise<void> {
    const found = this.#find(container);
    if (found?.state.state !== 'running') return;
    await this.#drain();
    this.#end(found, 0);
  }

  /** Ends a container if it runs, and starts it. */
  async restart(container: string): Promise<void> {
    await this.stop(container);
    const found = this.#find(container);
    if (found) this.#start(found);
  }

  /** Ends all containers as SIGTERM does. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#containers.map(({ name }) => this.stop(name)));
  }

  /** Ends all containers as SIGKILL does. */
  kill(): void {
    for (const container of this.#containers) this.#end(container, 137);
    for (const done of this.#drains.splice(0)) done();
  }

  /** As it goes over the wire. */
  describe(): HostedPod {
    const { namespace, name, uid, ip } = this;
    return {
      namespace,
      name,
      uid,
      ip,
      hostInterface: `veth-${uid}`.slice(0, 15),
      containers: this.#containers.map((c) => ({
        name: c.name,
        ...c.state,
        restartCount: c.restarts,
        containerId: c.state.state === 'waiting' ? '' : `svclab://${uid}-${c.name}-${c.restarts}`,
      })),
    };
  }

  #find(name: string): FakeContainer | undefined {
    return name === '' ? this.#containers[0] : this.#containers.find((c) => c.name === name);
  }

  #start(container: FakeContainer): void {
    if (container.state.state === 'running' || container.state.reason === 'CreateContainerConfigError') return;
    if (container.state.state === 'terminated') container.restarts++;
    container.state = { ...WAITING, state: 'running', reason: '', startedWallMs: BigInt(this.#clock.wall()) };
    this.#onChange();
  }

  #end(container: FakeContainer, exitCode: number): void {
    if (container.state.state !== 'running') return;
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    const finishedWallMs = BigInt(this.#clock.wall());
    container.state = { ...container.state, state: 'terminated', reason, exitCode, finishedWallMs };
    this.#onChange();
  }

  #drain(): Promise<void> {
    if (!this.inFlight) return Promise.resolve();
    const graceMs = (this.#object.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
    return new Promise((resolve) => {
      const cancel: Cancel = this.#clock.after(graceMs, () => resolve());
      this.#drains.push(() => {
        cancel();
        resolve();
      });
    });
  }
}
