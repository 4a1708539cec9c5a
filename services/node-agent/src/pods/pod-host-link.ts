/** The agent's connection to pod-host: calls out, states in. */
import type { Clock } from '@svclab/core';
import { type GrpcClient, grpcClient, type Logger } from '@svclab/runtime';
import { type HostedPod, PodHostServiceDefinition } from '@svclab/wire';

/** A client of pod-host. */
export type PodHostClient = GrpcClient<typeof PodHostServiceDefinition>;

/** Who hears of the pods. */
export interface PodHostListener {
  /** All pods that pod-host has, at the beginning and after each time the connection was lost. */
  onSnapshot(pods: readonly HostedPod[]): void;
  onPod(pod: HostedPod): void;
  onRemoved(pod: HostedPod): void;
}

const RETRY_MS = 100;

/** Makes the client. @param socket path of pod-host's Unix socket */
export function podHostClient(socket: string, token: string): PodHostClient {
  return grpcClient(PodHostServiceDefinition, `unix:${socket}`, { token, service: 'node-agent' });
}

/** Follows pod-host's pods until `signal` aborts, connecting again whenever the stream ends. */
export async function followPods(
  client: Pick<PodHostClient, 'watchPods'>,
  listener: PodHostListener,
  options: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    try {
      await follow(client, listener, signal);
    } catch (err) {
      if (!signal.aborted) log.debug({ event: 'pod-host-lost', err });
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
}

async function follow(
  client: Pick<PodHostClient, 'watchPods'>,
  listener: PodHostListener,
  signal: AbortSignal,
): Promise<void> {
  let snapshot: HostedPod[] | undefined = [];
  for await (const { pod, removed, synced } of client.watchPods({}, { signal })) {
    if (snapshot) {
      if (pod) snapshot.push(pod);
      if (!synced) continue;
      const pods = snapshot;
      snapshot = undefined;
      listener.onSnapshot(pods);
    } else if (pod) {
      if (removed) listener.onRemoved(pod);
      else listener.onPod(pod);
    }
  }
}

/** Runs a command in a container and gathers its output. Rejects when it cannot be run. */
export async function execInContainer(
  client: Pick<PodHostClient, 'exec'>,
  target: { readonly namespace: string; readonly pod: string; readonly container: string },
  command: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  async function* input() {
    yield {
      message: { $case: 'start' as const, value: { ...target, command: [...command], stdin: false, tty: false } },
    };
    yield { message: { $case: 'stdinEof' as const, value: true } };
  }
  const output: Buffer[] = [];
  for await (const { message } of client.exec(input(), { signal })) {
    if (message?.$case === 'stdout' || message?.$case === 'stderr') output.push(message.value);
    if (message?.$case !== 'exit') continue;
    if (message.value.error !== '') throw new Error(message.value.error);
    return { code: message.value.code, output: Buffer.concat(output).toString() };
  }
  throw new Error('Command ended without an exit code');
}
