/** A host's interfaces in its container: found by address, and mended where Docker gave back another address than the host's own. */
import { spawnSync } from 'node:child_process';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { HostSpec, LabConfig } from '@svclab/core';
import type { Networks } from './observations.ts';

/** An interface with an IPv4 address in a network. */
export interface Attached {
  readonly name: string;
  readonly address: string;
}

const first3 = (address: string): string => address.split('.').slice(0, 3).join('.');

/** Interfaces that have an address in `cidr`, a /24. */
export function attachedTo(
  cidr: string,
  interfaces: Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'family' | 'address'>[] | undefined>>,
): Attached[] {
  return Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((a) => a.family === 'IPv4' && first3(a.address) === first3(cidr))
      .map((a) => ({ name, address: a.address })),
  );
}

/** Which of its networks the host is on. */
export function networksOf(lab: LabConfig, host: HostSpec, interfaces = networkInterfaces()): Networks {
  const on = (cidr: string, own: string | undefined): boolean =>
    own !== undefined && attachedTo(cidr, interfaces).some((a) => a.address === own);
  return { lan: on(lab.lanCIDR, host.lanIP), control: on(lab.controlCIDR, host.controlIP) };
}

/**
 * Commands (`ip` arguments) that give the host back what it needs: its own address where the network was connected again without one
 * (`docker network connect` gives the next free address), and a client's way to every pool, on-link. Empty when all is as it should be.
 */
export function repairs(lab: LabConfig, host: HostSpec, interfaces = networkInterfaces()): string[][] {
  const commands: string[][] = [];
  for (const [cidr, own] of [
    [lab.lanCIDR, host.lanIP],
    [lab.controlCIDR, host.controlIP],
  ] as const) {
    const attached = attachedTo(cidr, interfaces);
    // Several addresses are the lab's own doing (a VIP on the interface); none of them but ours is touched.
    const [only] = attached;
    if (own === undefined || only === undefined || attached.length !== 1 || only.address === own) continue;
    commands.push(
      ['address', 'add', `${own}/24`, 'dev', only.name],
      ['address', 'del', `${only.address}/24`, 'dev', only.name],
      ['address', 'replace', `${own}/24`, 'dev', only.name],
    );
  }
  return commands;
}

/** Runs `ip` with each list of arguments; returns what it said where it failed. */
export function runIp(commands: readonly (readonly string[])[]): string[] {
  return commands.flatMap((args) => {
    const done = spawnSync('ip', [...args], { encoding: 'utf8' });
    return done.status === 0 ? [] : [`ip ${args.join(' ')}: ${(done.stderr || done.error?.message || '').trim()}`];
  });
}
