/** Watches a lab in which nothing is broken. */
import type { LabConnection } from '../client/connect.ts';
import { captureOnHost } from '../client/exec.ts';
import { measuringClock } from '../prober/clock.ts';
import { readTimeline } from '../scenario/experiment.ts';
import { environmentError } from '../state/errors.ts';
import { idleFigures, type NodeCounters, type Snapshot, sentOn, ticksOf } from './idle.ts';
import type { IdleFigures } from './model.ts';

/** Watches for a while; ends early when `signal` is aborted. Fails with a LabError when a node cannot be read. */
export async function watchIdle(lab: LabConnection, ms: number, signal: AbortSignal): Promise<IdleFigures> {
  const before = await snapshot(lab);
  await pause(ms, signal);
  const after = await snapshot(lab);
  // From the beginning of the lab on, so that every owner before the stretch is known.
  return idleFigures(before, after, await readTimeline(lab, 0n));
}

async function snapshot(lab: LabConnection): Promise<Snapshot> {
  const { nowNs, processes } = await lab.service.status({ skipMemory: true });
  const nodes = lab.config.hosts.filter((h) => h.role === 'node');
  const counters = await Promise.all(
    nodes.map(async ({ name, lanIP = '' }): Promise<[string, NodeCounters]> => {
      const pid = processes.find((p) => p.host === name && p.component === 'l2-announcer')?.pid ?? 0;
      const script = 'cat "/proc/$1/stat" 2>/dev/null || echo; ip -j -s address';
      const { code, stdout, stderr } = await captureOnHost(lab, {
        host: name,
        command: ['sh', '-c', script, 'sh', String(pid)],
      });
      const [stat = '', ...json] = stdout.split('\n');
      const sent = code === 0 ? sentOn(json.join('\n'), lanIP) : undefined;
      if (!sent)
        throw environmentError(`Counters of ${name} cannot be read: ${stderr.trim() || `no interface has ${lanIP}`}`);
      return [
        name,
        { announcerTicks: ticksOf(stat), announcerPid: pid, sentBytes: sent.bytes, sentPackets: sent.packets },
      ];
    }),
  );
  return { atNs: nowNs, nodes: Object.fromEntries(counters) };
}

/** Waits, or until the signal comes. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = measuringClock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
