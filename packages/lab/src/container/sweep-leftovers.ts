/** What a supervisor that ended with faults in effect left in the containers. */
import type { Clock, LabConfig } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { FaultEngine } from '../faults/engine.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import type { HostMonitor } from './host-monitor.ts';

/** How often hosts that have not answered yet are looked at, ms. */
const LOOK_MS = 200;

/** Heals on each host, as soon as it answers, what faults of an earlier supervisor left there. Does nothing in a lab that had none. */
export function sweepLeftovers(
  engine: FaultEngine,
  options: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly timeline: TimelineLog;
    readonly hosts: { readonly state: { readonly lab: LabConfig } };
    readonly monitors: ReadonlyMap<string, HostMonitor>;
  },
): void {
  const earlier = options.timeline.since(0n).filter((e) => e.type === 'fault.effective');
  if (earlier.length === 0) return;
  for (const event of earlier) engine.ledger.continueAfter(event.attrs.id ?? '');
  const waiting = new Set(options.hosts.state.lab.hosts.map((h) => h.name));
  const cancel = options.clock.every(LOOK_MS, () => {
    for (const host of waiting) {
      if (!options.monitors.get(host)?.answers) continue;
      waiting.delete(host);
      void engine.sweep(host);
    }
    if (waiting.size === 0) cancel();
  });
}
