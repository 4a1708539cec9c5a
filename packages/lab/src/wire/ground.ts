/** What impairments of links work with: a part of a fault's context. */
import type { ChildProcess } from 'node:child_process';
import type { Clock, LabConfig } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { environmentError } from '../state/errors.ts';
import { interfaceOf, type Network } from './flow.ts';

/** How a program ended. */
interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The lab and the ways into its namespaces. */
export interface Ground {
  readonly driver: LabConfig['driver'];
  readonly config: Pick<LabConfig, 'hosts' | 'podNetwork'>;
  /** The fault's id, part of the names of its tables. */
  readonly id: string;
  readonly lab: {
    isUp(host: string): boolean;
    interfaceOn(host: string, network: Network): Promise<string | undefined>;
    /** Takes the carrier of a host's link away or gives it back, and returns the instant (netns driver). */
    setCarrier(host: string, network: Network, up: boolean): bigint;
  };
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs a program in a host's namespace to its end. */
  run(host: string, argv: readonly string[], options?: { readonly stdin?: string }): Promise<Ended>;
  /** The same in the lab's root namespace (netns driver). */
  root(argv: readonly string[], options?: { readonly stdin?: string }): Promise<Ended>;
  /** Starts a program in the lab's root namespace (netns driver), its standard streams pipes. The caller ends it. */
  start(argv: readonly string[]): ChildProcess;
}

/** An impairment in effect. */
export interface Applied {
  /** CLOCK_MONOTONIC ns of the effect. */
  readonly atNs: bigint;
  /** Undoes it and returns the instant; repeating it is no error. */
  heal(): Promise<bigint>;
  /** Makes it again on a host that is back with new interfaces. */
  again?(host: string): Promise<void>;
}

/** Where a program is to run: on a host, or in the lab's root namespace. */
export type Where = string | undefined;

/** Runs a program that must succeed. Fails with a LabError holding what it said. */
export async function must(ground: Ground, where: Where, argv: readonly string[], stdin = ''): Promise<string> {
  const done = await (where === undefined ? ground.root(argv, { stdin }) : ground.run(where, argv, { stdin }));
  if (done.code !== 0)
    throw environmentError(
      `Link cannot be changed${where === undefined ? '' : ` on ${where}`}: ${argv.join(' ')}: ${done.stderr.trim() || `exit ${done.code}`}`,
    );
  return done.stdout;
}

/** Runs a program that may fail. */
export async function may(ground: Ground, where: Where, argv: readonly string[], stdin = ''): Promise<void> {
  await (where === undefined ? ground.root(argv, { stdin }) : ground.run(where, argv, { stdin }));
}

/** One nftables transaction. */
export function nft(ground: Ground, where: Where, script: string): Promise<string> {
  return must(ground, where, ['nft', '-f', '-'], script);
}

/** Hardware address of a host on a network; undefined while the host is off. Fails with a LabError when it cannot be found out. */
export async function addressOf(ground: Ground, host: string, network: Network): Promise<string | undefined> {
  if (!ground.lab.isUp(host)) return undefined;
  const device = await deviceOf(ground, host, network);
  const [link] = JSON.parse(await must(ground, host, ['ip', '-j', 'link', 'show', 'dev', device])) as {
    address: string;
  }[];
  return link?.address;
}

/** Name of a host's own interface on a network, inside the host. Fails with a LabError when it has none now. */
export async function deviceOf(ground: Ground, host: string, network: Network): Promise<string> {
  if (ground.driver === 'netns') return interfaceOf(network);
  const found = await ground.lab.interfaceOn(host, network);
  if (found === undefined)
    throw environmentError(`Host ${host} has no interface on the ${network === 'lan' ? 'LAN' : 'control network'} now`);
  return found;
}
