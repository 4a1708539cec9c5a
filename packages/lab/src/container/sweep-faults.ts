/** Undoes what a supervisor that was killed has left behind: its list of faults went with it, but what they did did not. */
import type { Clock, HostSpec } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { FaultContext, FaultDefinition } from '../faults/definition.ts';

/** How long hosts get to answer, ms. One that is down has nothing of a fault left. */
const WAIT_MS = 1500;
const POLL_MS = 20;

/** What sweeping stands on. */
export interface SweepOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly hosts: readonly HostSpec[];
  readonly faults: readonly Pick<FaultDefinition, 'sweep'>[];
  answers(host: string): boolean;
  readonly context: FaultContext;
}

/** Sweeps every host that answers in time, each kind of leftover once. What cannot be removed is logged and left. */
export async function sweepFaults(options: SweepOptions): Promise<void> {
  const { clock, log, hosts, answers, context } = options;
  const sweeps = new Set(options.faults.flatMap((f) => f.sweep ?? []));
  const until = clock.now() + WAIT_MS;
  const one = async ({ name }: HostSpec): Promise<void> => {
    while (!answers(name)) {
      if (clock.now() >= until)
        return log.warn({ event: 'host-not-swept', target: name, reason: 'it does not answer' });
      await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
    }
    for (const sweep of sweeps)
      await sweep(name, context).catch((err: unknown) => log.warn({ event: 'host-not-swept', target: name, err }));
  };
  await Promise.all(hosts.map(one));
  log.info({ event: 'faults-swept' });
}
