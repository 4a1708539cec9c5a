/** What the one leader runs: control loops, and the answers to the reports of agents. */
import type { Clock } from '@svclab/core';
import type { Bus, Logger } from '@svclab/runtime';
import { type ReconcilerDeps, type Reconcilers, startReconcilers } from '../reconcilers/start.ts';
import type { Registry } from '../registry/registry.ts';
import { type ServedReports, serveReports } from '../reports/serve.ts';
import type { Led } from './leadership.ts';

/** What leading needs. */
export interface LeadDeps extends Omit<ReconcilerDeps, 'bus' | 'registry' | 'leads'> {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Writes as the leader. */
  readonly registry: Registry;
  readonly leads: () => boolean;
  /** Makes what every cluster has from the start; repeated until it succeeds. */
  readonly prepare: () => Promise<void>;
}

const RETRY_MS = 100;

/** Starts it all; what must be there first is made first. */
export function startLeading(deps: LeadDeps): Led {
  let running: { readonly reconcilers: Reconcilers; readonly reports: ServedReports } | undefined;
  let stopped = false;
  const starting = (async () => {
    await untilDone(deps, () => stopped);
    if (!stopped) running = start(deps);
  })();
  return {
    async stop() {
      stopped = true;
      await starting;
      running?.reports.stop();
      await running?.reconcilers.stop();
    },
  };
}

async function untilDone({ prepare, leads, clock, log }: LeadDeps, isStopped: () => boolean): Promise<void> {
  while (!isStopped() && leads()) {
    try {
      await prepare();
      return;
    } catch (err) {
      log.warn({ event: 'prepare-failed', err });
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }
}

function start(deps: LeadDeps): { reconcilers: Reconcilers; reports: ServedReports } {
  const { registry, bus, log, leads } = deps;
  const reconcilers = startReconcilers(deps);
  const { recorder, heartbeats } = reconcilers;
  return { reconcilers, reports: serveReports({ registry, bus, log, recorder, heartbeats, leads }) };
}
