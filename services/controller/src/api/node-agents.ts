/** {@link PodStreams} over the node-agents' gRPC service. */
import { CONTROL_IP_ANNOTATION, type Node, PORTS, RESOURCES } from '@svclab/core';
import { type GrpcClient, grpcClient } from '@svclab/runtime';
import { type ExecRequest, NodeAgentServiceDefinition } from '@svclab/wire';
import type { Registry } from '../registry/registry.ts';
import type { ExecInput, ExecOptions, ExecOutput, LogLine, LogOptions, PodStreams } from './pod-streams.ts';

type Client = GrpcClient<typeof NodeAgentServiceDefinition>;

/** Reaches the node-agents of a lab at the address their Node names; connections are made when first needed and kept while the Node is there. */
export class NodeAgents implements PodStreams {
  readonly #registry: Pick<Registry, 'get' | 'cache'>;
  readonly #token: string;
  readonly #clients = new Map<string, { readonly ip: string; readonly client: Client }>();
  readonly #end: () => void;

  constructor(registry: Pick<Registry, 'get' | 'cache'>, token: string) {
    this.#registry = registry;
    this.#token = token;
    this.#end = registry.cache.subscribe(({ type, key }) => {
      if (type === 'DELETED' && key.resource === RESOURCES.nodes.resource) this.#drop(key.name);
    });
  }

  #client(node: string): Client {
    const ip = this.#registry.get<Node>(RESOURCES.nodes, '', node)?.metadata.annotations?.[CONTROL_IP_ANNOTATION];
    if (!ip) throw new Error(`Node ${node} has not said at which address its agent serves`);
    const present = this.#clients.get(node);
    if (present?.ip === ip) return present.client;
    this.#drop(node);
    const client = grpcClient(NodeAgentServiceDefinition, `${ip}:${PORTS.nodeAgent}`, {
      token: this.#token,
      service: 'controller',
    });
    this.#clients.set(node, { ip, client });
    return client;
  }

  #drop(node: string): void {
    this.#clients.get(node)?.client.close();
    this.#clients.delete(node);
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
    this.#end();
    for (const node of [...this.#clients.keys()]) this.#drop(node);
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
