import { spawnSync } from 'node:child_process';

/** How delay is made here, and why not otherwise. */
export interface DelayMechanism {
  readonly kind: 'netem' | 'user-space' | 'none';
  /** One sentence without a full stop. */
  readonly reason: string;
}

/** Tries in a namespace of its own, which goes with the program that tries. */
const PROBE = `ip link add p type veth peer name q && ip link set p up && ip link set q up || exit 9
tc qdisc add dev p root netem delay 10ms && exit 0
nft 'table netdev t { chain c { type filter hook egress device "p" priority 0; meta mark < 1 fwd to "q"; }; }' && exit 1
exit 2`;

let known: DelayMechanism | undefined;

/**
 * The mechanism of this machine, found by trying it once: netem where the kernel has it, else in user space. Needs what a lab needs; an
 * ordinary user gets a user namespace.
 */
export function delayMechanism(): DelayMechanism {
  known ??= probe();
  return known;
}

function probe(): DelayMechanism {
  const root = process.getuid?.() === 0;
  const user = root ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const path = `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  const tried = spawnSync('unshare', [...user, '--net', 'sh', '-c', PROBE], {
    encoding: 'utf8',
    timeout: 10_000,
    env: { ...process.env, PATH: path },
  });
  return mechanismOf(tried.status, (tried.stderr ?? '').trim());
}

/** What the trial's exit says. @param said what the programs wrote to stderr */
export function mechanismOf(status: number | null, said: string): DelayMechanism {
  const last = said.split('\n').at(-1) ?? '';
  switch (status) {
    case 0:
      return { kind: 'netem', reason: 'this kernel has the netem queueing discipline' };
    case 1:
      return { kind: 'user-space', reason: 'this kernel has no netem: frames are held by a process of the lab' };
    case 2:
      return {
        kind: 'none',
        reason: `this kernel has neither netem nor nftables' egress hook (Linux 5.16) with fwd${last === '' ? '' : `: ${last}`}`,
      };
    default:
      return { kind: 'none', reason: `it could not be tried${last === '' ? '' : `: ${last}`}` };
  }
}
