import type { Bus } from '../bus/bus.ts';
import { type Metrics, single } from './metrics.ts';

/** The connection to the bus. */
export function busMetrics(metrics: Metrics, bus: Pick<Bus, 'connected' | 'onState'>): void {
  if (!metrics.enabled) return;
  metrics.gauge({
    name: 'svclab_bus_connected',
    help: 'Whether this process has a connection to the bus (1) or not (0)',
    read: () => single(bus.connected ? 1 : 0),
  });
  const reconnected = metrics.counter({
    name: 'svclab_bus_reconnects_total',
    help: 'Times the connection to the bus was there again after it had been lost',
  });
  let lost = false;
  bus.onState((state) => {
    if (state === 'restored' && lost) reconnected({});
    lost = state === 'lost';
  });
}
