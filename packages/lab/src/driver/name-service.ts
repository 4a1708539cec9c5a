/** Names on the hosts of a lab in namespaces: the client and the nodes ask the lab's own DNS servers, the machine's are out of reach. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabConfig } from '@svclab/core';

/** The text of a host's /etc/resolv.conf: both servers, and resolv.conf(5)'s own time-outs. */
export function resolvConf(lab: LabConfig): string {
  const servers = lab.hosts.flatMap((host) => (host.role === 'dns' && host.lanIP ? [host.lanIP] : []));
  return servers.map((address) => `nameserver ${address}\n`).join('');
}

/**
 * Puts it in the place of /etc/resolv.conf in the lab's own mount namespace, where nobody outside sees it. Returns what `mount` said when it
 * may not (inside a container): names then go unanswered.
 */
export function useLabNames(lab: LabConfig, dir: string): string | undefined {
  const file = join(dir, 'resolv.conf');
  writeFileSync(file, resolvConf(lab));
  const done = spawnSync('mount', ['--bind', file, '/etc/resolv.conf'], { encoding: 'utf8' });
  if (done.status === 0) return undefined;
  return done.error?.message ?? done.stderr.trim();
}
