import { spawnSync } from 'node:child_process';

/** Replicas of servers before this release may part from each other when one of them is killed. */
const STEADY = [2, 11] as const;

/** Major and minor version in the output of `nats-server --version`; undefined when there is none. */
export function natsVersion(text: string): readonly [number, number] | undefined {
  const match = /v?(\d+)\.(\d+)\.\d+/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** What is to be said about several servers of a version; undefined when there is nothing. */
export function clusterDoubt(text: string): string | undefined {
  const version = natsVersion(text);
  if (!version) return undefined;
  const [major, minor] = version;
  if (major > STEADY[0] || (major === STEADY[0] && minor >= STEADY[1])) return undefined;
  return `nats-server ${major}.${minor} is old for a cluster: before ${STEADY.join('.')} the servers' copies may part from each other when one is killed; faults on controllers are safe`;
}

/** As {@link clusterDoubt}, of the `nats-server` on PATH. */
export function installedClusterDoubt(path: string | undefined): string | undefined {
  const env = { ...process.env, PATH: `${path ?? ''}:/usr/sbin:/sbin` };
  return clusterDoubt(spawnSync('nats-server', ['--version'], { encoding: 'utf8', env }).stdout ?? '');
}
