/** {@link PodStreams} over the node-agents' gRPC service. */
import { type LabConfig, PORTS } from '@svclab/core';
import { type GrpcClient, grpcClient } from '@svclab/runtime';
import { type ExecRequest, NodeAgentServiceDefinition } from '@svclab/wire';
import type { ExecInput, ExecOptions, ExecOutput, LogLine, LogOptions, PodStreams } from './pod-streams.ts';

type Client = GrpcClient<typeof NodeAgentServiceDefinition>;

/** Reaches the node-agents of a lab on the control network; connections are made when first needed and kept. */
export class NodeAgents implements PodStreams {
  readonly #hosts: LabConfig['hosts'];
  readonly #token: string;
  readonly #clients = new Map<string, Client>();

  constructor(lab: Pick<LabConfig, 'hosts'>, token: string) {
    this.#hosts = lab.hosts;
    this.#token = token;
  }

  #client(node: string): Client {
    let client = this.#clients.get(node);
    if (!client) {
      const host = this.#hosts.find((h) => h.name === node && h.role === 'node');
      if (!host?.controlIP) throw new Error(`Node ${node} has no address on the control network`);
      const address = `${host.controlIP}:${PORTS.nodeAgent}`;
      client = grpcClient(NodeAgentServiceDefinition, address, { token: this.#token, service: 'controller' });
      this.#clients.set(node, client);
    }
    return client;
  }

  async *logs(node: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const request = {
      namespace: options.namespace,
      pod: options.pod,
      container: options.container,
      follow: options.follow,
      tailLines: BigInt(options.tailLines ?? -1),
      sinceMs: BigInt(options.sinceMs ?? 0),
      previous: options.previous,
    };
    for await (const { wallMs, line } of this.#client(node).logs(request, { signal }))
      yield { wallMs: Number(wallMs), line };
  }

  async *exec(
    node: string,
    options: ExecOptions,
    input: AsyncIterable<ExecInput>,
    signal: AbortSignal,
  ): AsyncGenerator<ExecOutput> {
    for await (const { message } of this.#client(node).exec(requests(options, input), { signal })) {
      if (message?.$case === 'exit') yield { kind: 'exit', code: message.value.code, error: message.value.error };
      else if (message) yield { kind: message.$case, data: message.value };
    }
  }

  /** Closes the connections. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}

async function* requests(options: ExecOptions, input: AsyncIterable<ExecInput>): AsyncGenerator<ExecRequest> {
  const { namespace, pod, container, command, stdin, tty } = options;
  yield { message: { $case: 'start', value: { namespace, pod, container, command: [...command], stdin, tty } } };
  for await (const item of input) {
    if (item.kind === 'stdin') yield { message: { $case: 'stdin', value: Buffer.from(item.data) } };
    else if (item.kind === 'stdin-eof') yield { message: { $case: 'stdinEof', value: true } };
    else yield { message: { $case: 'resize', value: { width: item.width, height: item.height } } };
  }
}
