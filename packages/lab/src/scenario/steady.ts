/** Waiting until a lab carries traffic. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { clusterProblem, readApi } from '../driver/cluster-ready.ts';
import { measuringClock } from '../prober/clock.ts';
import { environmentError } from '../state/errors.ts';
import { startProbe } from './probe-run.ts';

/** A Service by name. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
}

/** A LoadBalancer Service that is announced. */
export interface Vip {
  readonly vip: string;
  readonly url: string;
  readonly owner: string;
}

const POLL_MS = 50;
const CHECK = { intervalMs: 10, durationMs: 400, timeoutMs: 500 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => void measuringClock.after(ms, resolve));

/** Repeats `look` until it finds something. Fails with a LabError that says what was missing. */
export async function until<T>(
  timeoutMs: number,
  signal: AbortSignal,
  what: string,
  look: () => Promise<T | string>,
): Promise<Exclude<T, string>> {
  const deadline = measuringClock.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const found = await look();
    if (typeof found !== 'string') return found as Exclude<T, string>;
    if (measuringClock.now() > deadline)
      throw environmentError(`${what} did not come about in ${Math.round(timeoutMs / 1000)} s: ${found}`);
    await pause(POLL_MS);
  }
}

/** The Service's VIP, once exactly one node answers for it. */
export function announcedVip(
  lab: LabConnection,
  service: ServiceRef,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Vip> {
  const id = `${service.namespace}/${service.name}`;
  return until(timeoutMs, signal, `An announced address of Service ${id}`, async () => {
    const { vips } = await lab.service.vips({});
    const found = vips.find((v) => v.namespace === service.namespace && v.service === service.name);
    if (!found) return 'no announcer knows it';
    if (found.owner === '' || found.announcing.length !== 1)
      return `${found.vip} is answered for by ${found.announcing.length === 0 ? 'nobody' : found.announcing.join(' and ')}`;
    const { api } = await lab.service.status({ skipMemory: true });
    const object = await readApi<Service>(lab, api, `/api/v1/namespaces/${service.namespace}/services/${service.name}`);
    const port = object.spec.ports?.[0]?.port ?? 80;
    const host = found.vip.includes(':') ? `[${found.vip}]` : found.vip;
    return { vip: found.vip, url: `http://${host}${port === 80 ? '' : `:${port}`}/`, owner: found.owner };
  });
}

/** Waits until every node is Ready, the VIP has one owner, and a short probe through it loses nothing. */
export async function steadyVip(
  lab: LabConnection,
  service: ServiceRef,
  options: { readonly dir: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Vip> {
  const { timeoutMs, signal, dir } = options;
  mkdirSync(dir, { recursive: true });
  const { api } = await lab.service.status({ skipMemory: true });
  await until(timeoutMs, signal, 'A complete cluster', async () => {
    const problem = await clusterProblem(lab, api);
    return problem === undefined ? true : `waiting for ${problem}`;
  });
  return until(timeoutMs, signal, `A Service ${service.namespace}/${service.name} that loses nothing`, async () => {
    const vip = await announcedVip(lab, service, timeoutMs, signal);
    const probe = startProbe(lab, { ...CHECK, url: vip.url, samples: join(dir, 'steady.jsonl') });
    const { report } = await probe.done;
    const lost = report.new.lost + report.reused.lost;
    return lost === 0
      ? vip
      : `${lost} of ${2 * report.sent} requests to ${vip.url} are lost (${JSON.stringify(report.new.outcomes)})`;
  });
}
