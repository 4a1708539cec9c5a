import type { Server } from 'node:net';
import type { Clock, Protocol, Random } from '@svclab/core';
import type { Behaviour } from '../behaviour/behaviour.ts';

/** A port an emulated container listens on. */
export interface Port {
  readonly port: number;
  readonly protocol: Protocol;
}

/** Who a container is: what the answers tell. */
export interface ContainerIdentity {
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
  readonly node: string;
  readonly container: string;
  readonly image: string;
  /** Address of the pod. */
  readonly ip: string;
}

/** What the call to the upstream brought. */
export interface UpstreamReply {
  /** The URL as asked. */
  readonly url: string;
  /** Where it was found, `10.96.0.7:8080`. */
  readonly address: string;
  readonly status: number;
  /** First line of the body: the pod that answered, if it is one of ours. */
  readonly firstLine: string;
  readonly durationMs: number;
}

/** What an image's program may use of its container. */
export interface ContainerContext {
  readonly identity: ContainerIdentity;
  readonly env: Readonly<Record<string, string>>;
  /** Command and arguments as the pod gives them; only what an image documents is read. */
  readonly args: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** How the container behaves now. */
  behaviour(): Behaviour;
  /** Resolves when the container answers; undefined when it does now: while it hangs, nothing is to be answered. */
  held(): Promise<void> | undefined;
  /** Adds a line to the container's log. */
  log(line: string): void;
  /** Ends the container with an exit code. */
  exit(code: number): void;
  /** Calls the upstream. Fails with an error whose message says why. */
  callUpstream(url: URL): Promise<UpstreamReply>;
}

/** One TCP port being served. `server` is not listening yet; the container opens it in the pod's namespace. */
export interface TcpService {
  readonly server: Server;
  /** From now on tell clients to go elsewhere, where the protocol has a word for it; go on serving. */
  lameDuck(): void;
  /** Ends the connections on which no request is being answered. */
  closeIdle(): void;
}

/** An image's program, running. */
export interface ImageProgram {
  /** What it says when it starts. */
  readonly startLines: readonly string[];
  tcp(port: number): TcpService;
  /** Answer to a datagram; undefined: none. */
  udp(message: Buffer, from: { readonly address: string; readonly port: number }): Buffer | undefined;
}

/** A family of images that answer alike. */
export interface Image {
  /** Last path components of the repositories it stands for, `nginx`. */
  readonly repositories: readonly string[];
  /** Ports when the pod declares none. */
  defaultPorts(context: Pick<ContainerContext, 'env' | 'args' | 'identity'>): readonly Port[];
  start(context: ContainerContext): ImageProgram;
}

/** TCP ports, in short. */
export const tcpPorts = (...ports: number[]): Port[] => ports.map((port) => ({ port, protocol: 'TCP' as const }));

/** Echoes a datagram: what all images do on UDP ports unless they know better. */
export const udpEcho: ImageProgram['udp'] = (message) => message;

/** An address as people write it: IPv4-mapped IPv6 becomes IPv4. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

/** Value of `--name=value` or `--name value` (one dash or two) in a program's arguments. */
export function argument(args: readonly string[], name: string): string | undefined {
  for (const [i, arg] of args.entries()) {
    const bare = arg.replace(/^--?/, '');
    if (bare === arg) continue;
    if (bare === name) return args[i + 1];
    if (bare.startsWith(`${name}=`)) return bare.slice(name.length + 1);
  }
  return undefined;
}
