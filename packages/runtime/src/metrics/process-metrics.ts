/** What every process of a lab tells of itself. Read at the scrape alone: no timer, no observer runs in between. */
import { readdirSync, readFileSync } from 'node:fs';
import { VERSION } from '@svclab/core';
import { type Metrics, single } from './metrics.ts';

/**
 * Names and meaning as client_golang's process collector and prom-client's defaults have them. prom-client's own are not used: they keep
 * a timer (event loop lag) and an observer (garbage collection) running in each process.
 */
export function processMetrics(metrics: Metrics, { component, host }: { component: string; host: string }): void {
  metrics.gauge({
    name: 'svclab_build_info',
    help: 'Always 1: version, component, host and version of Node.js of this process',
    labels: ['version', 'component', 'host', 'node_version'],
    read: () => [{ labels: { version: VERSION, component, host, node_version: process.versions.node }, value: 1 }],
  });
  metrics.countOf({
    name: 'process_cpu_seconds_total',
    help: 'Time of the processor used, in user and kernel mode',
    read() {
      const { user, system } = process.cpuUsage();
      return single((user + system) / 1e6);
    },
  });
  metrics.gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory: what it shares with other processes counts in full',
    read: () => single(process.memoryUsage.rss()),
  });
  metrics.gauge({
    name: 'process_proportional_memory_bytes',
    help: 'Proportional memory (PSS): what it shares with other processes counts in part',
    read: () => proportional().map((value) => ({ labels: {} as Readonly<Record<never, string>>, value })),
  });
  metrics.gauge({
    name: 'process_open_fds',
    help: 'Open file descriptors',
    // Less the one that reads the directory.
    read: () => single(readdirSync('/proc/self/fd').length - 1),
  });
  metrics.gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started, Unix time',
    read: () => single(performance.timeOrigin / 1000),
  });
  metrics.gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: 'JavaScript heap in use',
    read: () => single(process.memoryUsage().heapUsed),
  });
}

/** Nothing where the kernel does not tell. */
function proportional(): number[] {
  try {
    const kib = /^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1];
    return kib === undefined ? [] : [Number(kib) * 1024];
  } catch {
    return [];
  }
}
