/** A node with a pod-host for integration tests. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createLogger,
  createNetns,
  type GrpcClient,
  grpcClient,
  type Netns,
  serveGrpc,
  spawnIn,
  systemClock,
  systemRandom,
  udpSocketIn,
  withNetns,
  writeSysctl,
} from '@svclab/runtime';
import {
  type EnsurePodRequest,
  type ExecRequest,
  type HostedContainer,
  PodHostServiceDefinition,
  type WatchPodsResponse,
} from '@svclab/wire';
import packet from 'dns-packet';
import { afterEach, beforeEach } from 'vitest';
import { PodTable } from '../pod/pod-table.ts';
import { podHostService } from '../service.ts';

/** What differs from the plain pod of a test: one nginx container on port 80. */
export interface Setup {
  readonly annotations?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly spec?: Record<string, unknown>;
  readonly container?: Record<string, unknown>;
}

/** The node's namespace in the present test. */
export let node: Netns;
let directory: string;
/** A client of the pod-host of the present test. */
export let client: GrpcClient<typeof PodHostServiceDefinition>;
let cleanups: (() => unknown)[];

/** Gives each test of the file a node with a pod-host of its own and removes both after it. */
export function usePodHost(): void {
  beforeEach(async () => {
    cleanups = [];
    directory = mkdtempSync(join(tmpdir(), 'pod-host-'));
    node = createNetns();
    withNetns(node, () => {
      writeSysctl('net/ipv4/ip_forward', 1);
      execFileSync('ip', ['addr', 'add', '10.96.0.10/32', 'dev', 'lo']);
    });
    const log = createLogger({ component: 'pod-host', host: 'node-1', level: 'fatal' });
    const table = withNetns(
      node,
      () =>
        new PodTable({
          node: 'node-1',
          domain: 'cluster.local',
          startupDelay: 0,
          clock: systemClock,
          random: systemRandom,
          log,
        }),
    );
    const listen = `unix:${join(directory, 'pod-host.sock')}`;
    const service = podHostService({ table, clock: systemClock, filesDir: join(directory, 'pods') });
    const server = await serveGrpc({ listen, token: 't', log }, [[PodHostServiceDefinition, service]]);
    client = grpcClient(PodHostServiceDefinition, listen, { token: 't' });
    cleanups.push(async () => {
      await Promise.all(table.list().map((pod) => table.stop(pod.uid)));
      client.close();
      await server.close();
      node.close();
      rmSync(directory, { recursive: true });
    });
  });

  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });
}

/** The request for a pod `shop/NAME`. */
export function request(name: string, ip: string, setup: Setup = {}): EnsurePodRequest {
  const container = { name: 'main', image: 'nginx:alpine', ports: [{ containerPort: 80 }], ...setup.container };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, annotations: setup.annotations },
    spec: { containers: [container], terminationGracePeriodSeconds: 5, ...setup.spec },
  };
  return {
    namespace: 'shop',
    name,
    uid: pod.metadata.uid,
    podJson: Buffer.from(JSON.stringify(pod)),
    ip,
    gateway: ip === '' ? '' : '10.244.1.1',
    nameservers: ['10.96.0.10'],
    searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    env: { main: { env: setup.env ?? {} } },
    hostInterface: '',
    mtu: 1450,
  };
}

/** Runs a program in the node's namespace: [stdout, exit code]. */
export async function onNode(...command: string[]): Promise<[string, number | null]> {
  const [file = '', ...args] = command;
  const child = spawnIn(node, file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return [text, child.exitCode];
}

/** What curl prints on the node. */
export const curl = async (...args: string[]): Promise<string> => (await onNode('curl', '-s', '-m', '5', ...args))[0];

/** DNS for the pods: a record per name, NXDOMAIN for others. */
export function serveDns(zone: Record<string, string>): void {
  const socket = udpSocketIn(node, { port: 53, address: '10.96.0.10' });
  socket.on('message', (message, from) => {
    const query = packet.decode(message);
    const question = query.questions?.[0];
    const data = zone[question?.name ?? ''];
    const answers = data && question?.type === 'A' ? [{ type: 'A' as const, name: question.name, data }] : [];
    const reply = packet.encode({
      id: query.id ?? 0,
      type: 'response',
      flags: data ? 0 : 3,
      questions: query.questions ?? [],
      answers,
    });
    socket.send(reply, from.port, from.address);
  });
  cleanups.push(() => socket.close());
}

/** States of a pod's first container as the watch tells them. `until` resolves when the given one arrives. */
export function watchStates(name: string): {
  until(state: string): Promise<HostedContainer>;
  seen: string[];
  stop(): void;
} {
  const abort = new AbortController();
  const seen: string[] = [];
  const events: WatchPodsResponse[] = [];
  let wake = (): void => undefined;
  void (async () => {
    for await (const event of client.watchPods({}, { signal: abort.signal })) {
      events.push(event);
      if (event.pod?.name === name) seen.push(event.removed ? 'removed' : (event.pod.containers[0]?.state ?? ''));
      wake();
    }
  })().catch(() => undefined);
  cleanups.push(() => abort.abort());
  return {
    seen,
    stop: () => abort.abort(),
    async until(state) {
      for (;;) {
        while (events.length > 0) {
          const event = events.shift() as WatchPodsResponse;
          const first = event.pod?.name === name ? event.pod.containers[0] : undefined;
          if (first && (event.removed ? 'removed' : first.state) === state) return first;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** Runs a program in a pod, through gRPC. */
export async function exec(
  pod: string,
  command: string[],
  options: { stdin?: string; tty?: boolean; signal?: number } = {},
): Promise<{ out: string; err: string; code: number | undefined; error: string }> {
  async function* input(): AsyncGenerator<ExecRequest> {
    const stdin = options.stdin !== undefined;
    yield {
      message: {
        $case: 'start',
        value: { namespace: 'shop', pod, container: '', command, stdin, tty: options.tty ?? false },
      },
    };
    if (options.stdin !== undefined) yield { message: { $case: 'stdin', value: Buffer.from(options.stdin) } };
    if (options.signal !== undefined) yield { message: { $case: 'signal', value: options.signal } };
    else yield { message: { $case: 'stdinEof', value: true } };
  }
  const result: { out: string; err: string; code: number | undefined; error: string } = {
    out: '',
    err: '',
    code: undefined,
    error: '',
  };
  for await (const { message } of client.exec(input())) {
    if (message?.$case === 'stdout') result.out += message.value;
    if (message?.$case === 'stderr') result.err += message.value;
    if (message?.$case === 'exit') {
      result.code = message.value.code;
      result.error = message.value.error;
    }
  }
  return result;
}

/** A pod's log. */
export async function logLines(pod: string, previous = false, tailLines = -1n): Promise<string[]> {
  const lines: string[] = [];
  const call = { namespace: 'shop', pod, container: '', follow: false, tailLines, sinceMs: 0n, previous };
  for await (const { line } of client.logs(call)) lines.push(line);
  return lines;
}
