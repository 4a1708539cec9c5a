import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import type { Clock, Pod as PodObject } from '@svclab/core';
import { ServerError, Status } from '@svclab/runtime';
import type { EnsurePodRequest, LogsRequest, LogsResponse, PodHostServiceImplementation } from '@svclab/wire';
import { BehaviourError } from './behaviour/behaviour.ts';
import { removeFiles, runExec } from './exec/exec.ts';
import { AsyncQueue } from './pod/async-queue.ts';
import type { Container } from './pod/container.ts';
import { podHostname } from './pod/files.ts';
import type { Pod } from './pod/pod.ts';
import type { PodTable } from './pod/pod-table.ts';

/** What the service stands on. */
export interface PodHostOptions {
  readonly table: PodTable;
  readonly clock: Clock;
  /** Directory for the pods' `/etc` files. */
  readonly filesDir: string;
}

/** The gRPC face of the pods of this node. Errors are `ServerError`s: NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION. */
export function podHostService(options: PodHostOptions): PodHostServiceImplementation {
  const { table, clock, filesDir } = options;
  const directory = (uid: string): string => join(filesDir, uid);
  return {
    async ensurePod(request) {
      const object = parsePod(request.podJson, request.uid);
      checkAddresses(request, object);
      const pod = await table.ensure(request, object);
      return { hostInterface: pod.hostInterface };
    },
    async stopPod({ uid, signalOnly }) {
      if (signalOnly) table.byUid(uid)?.lameDuck();
      else {
        await table.stop(uid);
        removeFiles(directory(uid));
      }
      return {};
    },
    async listPods() {
      return { pods: table.list().map((pod) => pod.describe()) };
    },
    watchPods: (_request, { signal }) => table.watch(signal),
    async restartContainer({ uid, container }) {
      await table.restartContainer(uid, container).catch((error) => {
        throw error instanceof RangeError ? new ServerError(Status.NOT_FOUND, error.message) : error;
      });
      return {};
    },
    async stopContainer({ uid, container }) {
      await table.stopContainer(uid, container).catch((error) => {
        throw error instanceof RangeError ? new ServerError(Status.NOT_FOUND, error.message) : error;
      });
      return {};
    },
    async *exec(request, { signal }) {
      const input = request[Symbol.asyncIterator]();
      const first = (await input.next()).value?.message;
      if (first?.$case !== 'start')
        throw new ServerError(
          Status.INVALID_ARGUMENT,
          `First message of exec is ${first?.$case ?? 'missing'}: send start`,
        );
      const { value: start } = first;
      const pod = needPod(table, start.namespace, start.pod);
      const container = needContainer(pod, start.container);
      if (container.state.kind !== 'running')
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `Container "${container.name}" of pod ${pod.namespace}/${pod.name} is ${container.state.kind}: it must run`,
        );
      const hostname = podHostname(pod.object);
      const { command, stdin, tty } = start;
      const target = { command, stdin, tty, hostname, netns: pod.netns, env: container.env, files: pod.files };
      yield* runExec({ ...target, directory: directory(pod.uid) }, input, { clock, signal });
    },
    logs: (request, { signal }) => logs(table, clock, request, signal),
    async setBehaviour({ namespace, pod, behaviour, source, reset }) {
      try {
        needPod(table, namespace, pod).setBehaviour(behaviour, source, reset);
      } catch (error) {
        throw error instanceof BehaviourError ? new ServerError(Status.INVALID_ARGUMENT, error.message) : error;
      }
      return { atNs: clock.nowNs() };
    },
    async resetBehaviour() {
      for (const pod of table.list()) pod.resetBehaviour();
      return {};
    },
    async killPod({ namespace, pod }) {
      needPod(table, namespace, pod).kill();
      return {};
    },
  };
}

/** The Pod of a request. Fails with INVALID_ARGUMENT. */
export function parsePod(json: Uint8Array, uid: string): PodObject {
  const refuse = (why: string): ServerError => new ServerError(Status.INVALID_ARGUMENT, `Pod of EnsurePod ${why}`);
  let object: Partial<PodObject>;
  try {
    object = JSON.parse(Buffer.from(json).toString()) as Partial<PodObject>;
  } catch (error) {
    throw refuse(`is no JSON: ${(error as Error).message}`);
  }
  if (!object.metadata?.name || !object.spec?.containers) throw refuse('lacks metadata.name or spec.containers');
  if (uid === '' || (object.metadata.uid ?? uid) !== uid)
    throw refuse(`has uid "${object.metadata.uid}" but the request says "${uid}": they must be the same`);
  return { ...object, metadata: { ...object.metadata, uid } } as PodObject;
}

/** Refuses with INVALID_ARGUMENT what the `ip` program could not read, before it spoils the batch of other pods. */
function checkAddresses(request: EnsurePodRequest, object: PodObject): void {
  if (object.spec.hostNetwork) return;
  for (const field of ['ip', 'gateway'] as const)
    if (!isIPv4(request[field]))
      throw new ServerError(
        Status.INVALID_ARGUMENT,
        `Field ${field} of EnsurePod is "${request[field]}": give an IPv4 address without prefix length`,
      );
  if (!/^[\w.-]{0,15}$/.test(request.hostInterface))
    throw new ServerError(
      Status.INVALID_ARGUMENT,
      `Interface name "${request.hostInterface}" is not usable: at most 15 letters, digits, dots, dashes`,
    );
}

function needPod(table: PodTable, namespace: string, name: string): Pod {
  const pod = table.byName(namespace, name);
  if (!pod) throw new ServerError(Status.NOT_FOUND, `Pod ${namespace}/${name} is not on this node`);
  return pod;
}

function needContainer(pod: Pod, name: string): Container {
  const container = pod.container(name);
  if (!container)
    throw new ServerError(
      Status.NOT_FOUND,
      `Container "${name}" is not in pod ${pod.namespace}/${pod.name}: it has ${pod.containers.map((c) => c.name).join(', ')}`,
    );
  return container;
}

async function* logs(
  table: PodTable,
  clock: Clock,
  request: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogsResponse, void, undefined> {
  const pod = needPod(table, request.namespace, request.pod);
  const ring = needContainer(pod, request.container).log(request.previous);
  if (!ring)
    throw new ServerError(
      Status.NOT_FOUND,
      `Previous terminated container "${request.container}" in pod ${pod.namespace}/${pod.name} is not there: it never restarted`,
    );
  const response = ({ wallMs, line }: { wallMs: number; line: string }): LogsResponse => ({
    wallMs: BigInt(Math.round(wallMs)),
    line,
  });
  const queue = new AsyncQueue<LogsResponse>();
  const since = Number(request.sinceMs);
  const lines = ring.read({
    tail: Number(request.tailLines),
    ...(since > 0 ? { sinceWallMs: clock.wall() - since } : {}),
  });
  for (const line of lines) queue.push(response(line));
  if (!request.follow) queue.end();
  const stop = request.follow
    ? ring.follow((line) => (line ? queue.push(response(line)) : queue.end()))
    : (): void => undefined;
  const end = (): void => queue.end();
  signal.addEventListener('abort', end, { once: true });
  try {
    yield* queue;
  } finally {
    signal.removeEventListener('abort', end);
    stop();
  }
}
