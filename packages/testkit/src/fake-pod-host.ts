import type { Clock, Pod } from '@svclab/core';
import { ServerError, Status } from '@svclab/runtime';
import {
  EnsurePodRequest,
  type ExecResponse,
  type HostedPod,
  type PodHostServiceClient,
  type WatchPodsResponse,
} from '@svclab/wire';
import { FakePod } from './fake-pod.ts';

/** What the fake serves of pod-host. */
export type PodHostCalls = Pick<
  PodHostServiceClient,
  'ensurePod' | 'stopPod' | 'listPods' | 'watchPods' | 'restartContainer' | 'stopContainer' | 'exec' | 'killPod'
>;

/** How a command ended. */
export interface FakeExecResult {
  readonly code: number;
  readonly output: string;
}

/**
 * A verified fake of pod-host as its clients see it: pods live in memory under the clock of the test and behave as the contract suite says,
 * which runs on the real one too. It has no network, no logs, and of the annotations only `svclab.dev/runtime`.
 */
export class FakePodHost implements PodHostCalls {
  /** Calls that were made: `ensurePod web`, `stopPod uid-web`. */
  readonly calls: string[] = [];
  /** Says how a command ends; throwing means that it cannot be run. `true` succeeds, any other fails, unless a test says otherwise. */
  command: (pod: string, command: readonly string[]) => FakeExecResult = (_, [program]) => ({
    code: program === 'true' ? 0 : 1,
    output: '',
  });
  readonly #clock: Clock;
  readonly #pods = new Map<string, FakePod>();
  readonly #work = new Map<string, Promise<unknown>>();
  readonly #watchers = new Set<Watcher>();
  readonly #failures = new Map<string, number>();
  /** Answers wait until `release`. */
  #held: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A pod by its name. Fails when it is not there. */
  pod(name: string): FakePod {
    const pod = [...this.#pods.values()].findLast((p) => p.name === name);
    if (!pod) throw new Error(`Pod "${name}" is not on the fake pod-host: ${this.names().join(', ') || 'none'} is`);
    return pod;
  }

  /** Names of its pods. */
  names(): string[] {
    return [...this.#pods.values()].map((pod) => pod.name);
  }

  /** All its pods as they go over the wire. */
  describeAll(): HostedPod[] {
    return [...this.#pods.values()].map((pod) => pod.describe());
  }

  /** The next `times` calls of a method fail, as when pod-host cannot be reached. */
  failNext(method: keyof PodHostCalls, times: number): void {
    this.#failures.set(method, times);
  }

  /** Calls for pods wait until the function it returns is called. */
  hold(): () => void {
    let release = (): void => undefined;
    this.#held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  /** Dies and begins anew without pods. */
  restart(): void {
    this.#pods.clear();
    this.breakWatches();
  }

  /** Ends the watches with an error; the pods run on. */
  breakWatches(): void {
    for (const watcher of this.#watchers) watcher.fail(new ServerError(Status.UNAVAILABLE, 'Connection dropped'));
  }

  async ensurePod(request: Parameters<PodHostCalls['ensurePod']>[0]): Promise<{ hostInterface: string }> {
    const asked = EnsurePodRequest.fromPartial(request);
    return this.#inOrder('ensurePod', asked.uid, `ensurePod ${asked.name}`, async () => {
      const existing = this.#pods.get(asked.uid);
      if (existing) {
        existing.annotations = (JSON.parse(Buffer.from(asked.podJson).toString()) as Pod).metadata.annotations ?? {};
        return { hostInterface: existing.describe().hostInterface };
      }
      const pod: FakePod = new FakePod(asked, this.#clock, () => this.#publish(pod, false));
      this.#pods.set(asked.uid, pod);
      pod.start();
      this.#publish(pod, false);
      return { hostInterface: pod.describe().hostInterface };
    });
  }

  async stopPod({ uid = '', signalOnly = false }: Parameters<PodHostCalls['stopPod']>[0]): Promise<object> {
    if (signalOnly) {
      this.calls.push(`signalPod ${uid}`);
      return {};
    }
    return this.#inOrder('stopPod', uid, `stopPod ${uid}`, async () => {
      const pod = this.#pods.get(uid);
      if (!pod) return {};
      await pod.stopAll();
      this.#pods.delete(uid);
      this.#publish(pod, true);
      return {};
    });
  }

  async listPods(): ReturnType<PodHostCalls['listPods']> {
    return { pods: this.describeAll() };
  }

  async *watchPods(
    _request: object,
    options: Parameters<PodHostCalls['watchPods']>[1] = {},
  ): AsyncGenerator<WatchPodsResponse, void, undefined> {
    const watcher = new Watcher();
    const end = (): void => watcher.end();
    options.signal?.addEventListener('abort', end, { once: true });
    this.#watchers.add(watcher);
    const pods = this.describeAll();
    try {
      if (pods.length === 0) yield { pod: undefined, removed: false, synced: true };
      for (const [i, pod] of pods.entries()) yield { pod, removed: false, synced: i === pods.length - 1 };
      yield* watcher.values();
    } finally {
      options.signal?.removeEventListener('abort', end);
      this.#watchers.delete(watcher);
    }
  }

  restartContainer({ uid = '', container = '' }: Parameters<PodHostCalls['restartContainer']>[0]): Promise<object> {
    return this.#onContainer('restartContainer', uid, container, (pod) => pod.restart(container));
  }

  stopContainer({ uid = '', container = '' }: Parameters<PodHostCalls['stopContainer']>[0]): Promise<object> {
    return this.#onContainer('stopContainer', uid, container, (pod) => pod.stop(container));
  }

  async killPod({ namespace = '', pod = '' }: Parameters<PodHostCalls['killPod']>[0]): Promise<object> {
    this.calls.push(`killPod ${pod}`);
    this.#byName(namespace, pod).kill();
    return {};
  }

  async *exec(input: Parameters<PodHostCalls['exec']>[0]): AsyncGenerator<ExecResponse, void, undefined> {
    let start: { namespace?: string; pod?: string; container?: string; command?: string[] } | undefined;
    for await (const { message } of input) {
      if (message?.$case === 'start') start = message.value;
      break;
    }
    if (!start) throw new ServerError(Status.INVALID_ARGUMENT, 'First message of exec is missing: send start');
    const { namespace = '', container = '', command = [] } = start;
    const pod = this.#byName(namespace, start.pod ?? '');
    if (!pod.has(container)) throw new ServerError(Status.NOT_FOUND, `Container "${container}" is not in the pod`);
    if (pod.stateOf(container) !== 'running')
      throw new ServerError(Status.FAILED_PRECONDITION, `Container "${container}" must run`);
    const { code, output } = this.command(pod.name, command);
    if (output !== '') yield { message: { $case: 'stdout', value: Buffer.from(output) } };
    yield { message: { $case: 'exit', value: { code, error: '' } } };
  }

  #byName(namespace: string, name: string): FakePod {
    const pod = [...this.#pods.values()].findLast((p) => p.namespace === namespace && p.name === name);
    if (!pod) throw new ServerError(Status.NOT_FOUND, `Pod ${namespace}/${name} is not on this node`);
    return pod;
  }

  #onContainer(
    method: keyof PodHostCalls,
    uid: string,
    container: string,
    act: (pod: FakePod) => Promise<void>,
  ): Promise<object> {
    return this.#inOrder(method, uid, `${method} ${uid} ${container}`, async () => {
      const pod = this.#pods.get(uid);
      if (!pod?.has(container))
        throw new ServerError(Status.NOT_FOUND, `Container "${container}" of pod uid ${uid} is not on this node`);
      await act(pod);
      return {};
    });
  }

  #publish(pod: FakePod, removed: boolean): void {
    // A pod of a pod-host that has died meanwhile says nothing any more.
    if (!removed && this.#pods.get(pod.uid) !== pod) return;
    for (const watcher of this.#watchers) watcher.push({ pod: pod.describe(), removed, synced: false });
  }

  /** Work on one pod happens in the order asked. */
  #inOrder<T>(method: keyof PodHostCalls, uid: string, call: string, work: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    const failures = this.#failures.get(method) ?? 0;
    this.#failures.set(method, Math.max(0, failures - 1));
    if (failures > 0) return Promise.reject(new ServerError(Status.UNAVAILABLE, 'No connection established'));
    const before = this.#work.get(uid) ?? this.#held;
    const next = before.then(work, work);
    this.#work.set(
      uid,
      next.catch(() => undefined).then(() => this.#held),
    );
    return next;
  }
}

/** Changes that one watch has not handed out yet. */
class Watcher {
  #items: WatchPodsResponse[] = [];
  #error: Error | undefined;
  #ended = false;
  #wake = (): void => undefined;

  push(item: WatchPodsResponse): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  async *values(): AsyncGenerator<WatchPodsResponse, void, undefined> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift() as WatchPodsResponse;
      if (this.#error) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
