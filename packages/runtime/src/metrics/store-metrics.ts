import type { Clock } from '@svclab/core';
import { type Metrics, single } from './metrics.ts';

/** What is told of a process's copy of the store. */
export interface StoreState {
  readonly revision: number;
  readonly fresh: boolean;
  /** When the store was last heard, by the clock's monotonic time, ms; undefined before the first word. */
  readonly heardMs: number | undefined;
}

/** A process's copy of the store: how far it got, and how long ago the store gave a sign of life. */
export function storeMetrics(metrics: Metrics, cache: StoreState, clock: Pick<Clock, 'now'>): void {
  metrics.gauge({
    name: 'svclab_store_revision',
    help: 'Revision of the store that this copy has got to',
    read: () => single(cache.revision),
  });
  metrics.gauge({
    name: 'svclab_store_fresh',
    help: 'Whether this copy of the store follows it without a gap (1) or not (0)',
    read: () => single(cache.fresh ? 1 : 0),
  });
  metrics.gauge({
    name: 'svclab_store_watch_age_seconds',
    help: 'Time since the store was last heard; the server speaks at least every 0.4 s while all is well',
    read() {
      const { heardMs } = cache;
      return heardMs === undefined ? [] : single((clock.now() - heardMs) / 1000);
    },
  });
}
