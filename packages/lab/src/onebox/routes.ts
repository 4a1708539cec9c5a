/** What the endpoint of a lab in one container answers. */
import { readFileSync } from 'node:fs';
import type { EndpointSlice, LabConfig, Service } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { readTimeline } from '../scenario/experiment.ts';
import { deploymentsAvailable } from '../scenario/prepare.ts';
import { announcedVip, until } from '../scenario/steady.ts';
import { badInput } from '../state/errors.ts';
import { timelineJson } from '../supervisor/timeline-log.ts';
import type { Dialer } from './dial.ts';
import type { Call, Route } from './endpoint.ts';
import type { KubeClient } from './kube-client.ts';
import { type Applied, applyManifests, parseManifests } from './manifests.ts';
import type { Measurements } from './measurements.ts';

/** What the routes work with. */
export interface RouteOptions {
  readonly lab: LabConnection;
  readonly config: LabConfig;
  readonly kube: KubeClient;
  readonly dialer: Dialer;
  readonly measurements: Measurements;
}

const PROBE = { intervalMs: 10, timeoutMs: 500 };
/** When a measurement that does not say ends, ms: two seconds without a loss; MetalLB's and the node lifecycle's timers together stay below the limit. */
const END = { quietMs: 2000, limitMs: 120_000 };
/** Longest wait for what was applied to be there, s. */
const WAIT_S = 60;

/** All routes. */
export function routes(options: RouteOptions): Route[] {
  const { lab, measurements } = options;
  return [
    { method: 'GET', path: '/v1/status', answer: () => status(lab) },
    { method: 'GET', path: '/v1/kubeconfig', answer: () => readFileSync(lab.paths.kubeconfig, 'utf8') },
    { method: 'GET', path: '/v1/vips', answer: () => vips(lab) },
    {
      method: 'GET',
      path: '/v1/timeline',
      answer: async ({ query }) =>
        (await readTimeline(lab, bigint(query.get('since_ns') ?? '0', 'since_ns'))).map(timelineJson),
    },
    { method: 'GET', path: '/v1/services/:namespace/:name', answer: (call) => service(options, call) },
    { method: 'POST', path: '/v1/manifests', answer: (call) => manifests(options, call) },
    { method: 'POST', path: '/v1/faults', answer: ({ body }) => fault(lab, object(body)) },
    {
      method: 'POST',
      path: '/v1/measurements',
      answer: async ({ body }) => {
        const given = object(body);
        return {
          id: await measurements.begin({
            url: text(given.url, 'url'),
            intervalMs: number(given.interval_ms, 'interval_ms', PROBE.intervalMs),
            timeoutMs: number(given.timeout_ms, 'timeout_ms', PROBE.timeoutMs),
          }),
        };
      },
    },
    {
      method: 'POST',
      path: '/v1/measurements/:id/end',
      answer: ({ params, body }) => {
        const given = object(body);
        return measurements.end(params.id ?? '', {
          quietMs: number(given.quiet_ms, 'quiet_ms', END.quietMs),
          limitMs: number(given.limit_ms, 'limit_ms', END.limitMs),
        });
      },
    },
    {
      method: 'DELETE',
      path: '/v1/measurements/:id',
      answer: async ({ params }) => {
        await measurements.abandon(params.id ?? '');
        return {};
      },
    },
  ];
}

function object(body: string): Record<string, unknown> {
  const value: unknown = body === '' ? {} : JSON.parse(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badInput('Body is no JSON object');
  return value as Record<string, unknown>;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '')
    throw badInput(`Field ${field} is ${JSON.stringify(value)}: give text`);
  return value;
}

function number(value: unknown, field: string, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw badInput(`Field ${field} is ${JSON.stringify(value)}: give milliseconds as a number`);
  return value;
}

function bigint(value: string, field: string): bigint {
  if (!/^\d+$/.test(value)) throw badInput(`Field ${field} is "${value}": give nanoseconds as a whole number`);
  return BigInt(value);
}

async function status(lab: LabConnection): Promise<unknown> {
  const s = await lab.service.status({ skipMemory: true });
  return {
    name: s.name,
    profile: s.profile,
    ready: s.ready,
    now_ns: String(s.nowNs),
    hosts: s.hosts.map((h) => ({ name: h.name, role: h.role, lan_ip: h.lanIp, control_ip: h.controlIp, up: h.up })),
    processes: s.processes.map((p) => ({ component: p.component, host: p.host, state: p.state, restarts: p.restarts })),
  };
}

async function vips(lab: LabConnection): Promise<unknown> {
  const all = await lab.service.vips({});
  return all.vips.map((v) => ({
    vip: v.vip,
    namespace: v.namespace,
    service: v.service,
    owner: v.owner,
    next: v.next,
    announcing: v.announcing,
  }));
}

async function fault(lab: LabConnection, given: Record<string, unknown>): Promise<unknown> {
  const verb = text(given.verb, 'verb');
  const target = verb === 'heal' && (given.target ?? '') === '' ? '' : text(given.target, 'target');
  const args = { ...faultArgs(given.args), ...(given.hold === true ? { hold: 'true' } : {}) };
  const done = await lab.service.fault({ verb, target, args });
  return {
    verb,
    resolved: done.resolved,
    id: done.id,
    effective_ns: String(done.effectiveNs),
    time: new Date(Number(done.effectiveWallMs)).toISOString(),
  };
}

/** Arguments by name. Fails with a LabError when they are no object of texts, numbers and flags. */
function faultArgs(given: unknown): Record<string, string> {
  if (given === undefined) return {};
  const entries =
    typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.entries(given) : undefined;
  if (!entries?.every(([, v]) => ['string', 'number', 'boolean'].includes(typeof v)))
    throw badInput('args must be an object of texts, such as {"percent": "30", "duration": "5s"}');
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

async function service({ kube, dialer }: RouteOptions, { params, query }: Call): Promise<unknown> {
  const { namespace = '', name = '' } = params;
  const found = await kube.ask<Service>({ path: `/api/v1/namespaces/${namespace}/services/${name}` });
  if (!found) return undefined;
  const port = query.get('port');
  const door = await dialer.door(`${name}.${namespace}${port === null ? '' : `:${port}`}`);
  return {
    namespace,
    name,
    type: found.spec.type ?? 'ClusterIP',
    cluster_ip: found.spec.clusterIP ?? '',
    ip: door.address,
    port: door.port,
    from: door.from,
  };
}

/** Applies, then waits until it serves: rollouts complete, addresses announced, every Service with ready endpoints connects. */
async function manifests(options: RouteOptions, { body, query }: Call): Promise<unknown> {
  const { kube, lab } = options;
  const applied = await applyManifests(kube, parseManifests(body));
  const seconds = Number(query.get('wait') ?? WAIT_S);
  if (!Number.isFinite(seconds) || seconds < 0)
    throw badInput(`Parameter wait is "${query.get('wait')}": give seconds`);
  if (seconds > 0) {
    const signal = new AbortController().signal;
    if (applied.some((a) => a.kind === 'Deployment')) await deploymentsAvailable(lab, signal, () => {});
    for (const a of applied) if (a.kind === 'Service') await serves(options, a, seconds * 1000, signal);
  }
  return { applied };
}

async function serves(options: RouteOptions, applied: Applied, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { kube, lab, dialer } = options;
  const { namespace, name } = applied;
  const path = `/api/v1/namespaces/${namespace}/services/${name}`;
  const found = await kube.ask<Service>({ path });
  if (!found || found.spec.type === 'ExternalName' || found.spec.clusterIP === 'None') return;
  if (found.spec.type === 'LoadBalancer') {
    await until(timeoutMs, signal, `An address of Service ${namespace}/${name}`, async () => {
      const now = await kube.ask<Service>({ path });
      return now?.status?.loadBalancer?.ingress?.length
        ? true
        : 'it has none: apply an IPAddressPool and an L2Advertisement that cover it';
    });
    await announcedVip(lab, applied, timeoutMs, signal);
  }
  const slices = await kube.ask<{ items: EndpointSlice[] }>({
    path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io/service-name%3D${name}`,
  });
  const ready = slices?.items.some((s) => s.endpoints.some((e) => e.conditions?.ready !== false));
  if (!ready || found.spec.ports?.[0]?.protocol === 'UDP') return;
  await until(timeoutMs, signal, `An answer of Service ${namespace}/${name}`, async () => {
    try {
      const socket = await dialer.connect(await dialer.door(`${name}.${namespace}`));
      socket.destroy();
      return true;
    } catch (error) {
      return (error as Error).message;
    }
  });
}
