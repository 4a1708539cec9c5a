/**
 * Any container of a composed lab may be killed, stopped, restarted, paused or cut off by whoever can use Docker, under traffic: what must
 * hold meanwhile holds, the fault is on the timeline by its name, and afterwards everything is as it was.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type ProbeReport, until } from '../e2e/lab.ts';
import { breakAndMend, type ContainerFault, PROBE_S, SEEN_AS } from './faults.ts';

const PROJECT = `chaos-${process.pid}`;
const COMPOSE = new URL('../../compose/', import.meta.url).pathname;
const LAN = '172.30.0';
const CONTROL = '172.30.1';
const SERVICES = ['supervisor', 'nats-1', 'controller-1', 'dns-1', 'dns-2', 'node-1', 'node-2', 'node-3', 'client'];
// All of them with SVCLAB_NIGHTLY=1.
const FAULTS: readonly ContainerFault[] =
  process.env.SVCLAB_NIGHTLY === '1' ? ['kill', 'stop', 'restart', 'pause', 'disconnect'] : ['kill'];

let environment: StartedDockerComposeEnvironment;
let lab: Lab;
let stateDir: string;
let ip: string;

beforeAll(async () => {
  const compose = new DockerComposeEnvironment(COMPOSE, 'compose.yaml')
    .withProjectName(PROJECT)
    .withEnvironment({ ...(process.env as Record<string, string>), SVCLAB_PROFILE: 'fast', SVCLAB_API_PORT: '16443' })
    .withBuild();
  for (const service of SERVICES) compose.withWaitStrategy(`${service}-1`, Wait.forHealthCheck());
  environment = await compose.up();
  stateDir = mkdtempSync(join(tmpdir(), 'svc-'));
  lab = await Lab.attach(PROJECT, stateDir);
  await lab.pool();
  ip = await lab.web('web', 3);
});
afterAll(async () => {
  await environment?.down({ timeout: 2000, removeVolumes: true });
  if (stateDir) rmSync(stateDir, { recursive: true, force: true });
});

/** What a user declared and what follows from it; pods come and go with their nodes, their number does not. */
async function state(): Promise<string> {
  const { items } = JSON.parse(await lab.kube(['get', 'deploy,rs,svc,nodes', '-A', '-o', 'json'])) as {
    items: {
      kind: string;
      metadata: { namespace?: string; name: string; uid: string };
      spec?: { clusterIP?: string };
    }[];
  };
  const ready = await lab.kube([
    'get',
    'deploy',
    '-A',
    '-o',
    'jsonpath={range .items[*]}{.metadata.name}={.status.readyReplicas} {end}',
  ]);
  const nodes = await lab.kube([
    ...['get', 'nodes', '-o'],
    'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}',
  ]);
  const slices = await lab.kube([
    ...['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o'],
    'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].targetRef.kind}',
  ]);
  return JSON.stringify([
    items
      .map((o) => [o.kind, o.metadata.namespace, o.metadata.name, o.metadata.uid, o.spec?.clusterIP].join(' '))
      .sort(),
    ready,
    nodes,
    slices,
  ]);
}

async function vip(): Promise<{ owner: string; announcing: string[] }> {
  const [found] = JSON.parse(await lab.ok('vip', 'default/web', '-o', 'json')) as {
    owner: string;
    announcing: string[];
  }[];
  return found ?? { owner: '', announcing: [] };
}

/** Waits until the lab is as `before` says, with one owner of the VIP, and the last second of a probe loses nothing. */
async function settled(before: string): Promise<void> {
  await until('the state is as before', async () => {
    try {
      return (await state()) === before;
    } catch {
      return false;
    }
  });
  await until('one node announces the VIP and a probe loses nothing', async () => {
    const probe = await lab.cli('probe', `http://${ip}/`, '--interval', '20ms', '--duration', '1s', '-o', 'json');
    if (probe.code !== 0) return false;
    const report = JSON.parse(probe.stdout) as ProbeReport;
    return report.new.lost + report.reused.lost === 0 && (await vip()).announcing.length === 1;
  });
}

/** Faults of the timeline since a moment, as `fault target`. */
async function faultsSince(since: string): Promise<string[]> {
  const events = JSON.parse(await lab.ok('timeline', '--since', since, '-o', 'json')) as {
    type: string;
    attrs: Record<string, string>;
  }[];
  return events.filter((e) => e.type === 'fault.effective').map((e) => `${e.attrs.fault} ${e.attrs.target}`);
}

/** Address of a service's container on the network that is cut, where it cannot mend it itself. */
const CUTS: Readonly<Record<string, { network: string; address?: string }>> = {
  'nats-1': { network: `${PROJECT}_control`, address: `${CONTROL}.2` },
  'controller-1': { network: `${PROJECT}_control`, address: `${CONTROL}.3` },
  'dns-1': { network: `${PROJECT}_lan`, address: `${LAN}.2` },
  'dns-2': { network: `${PROJECT}_control`, address: `${CONTROL}.5` },
  supervisor: { network: `${PROJECT}_control`, address: `${CONTROL}.10` },
};

const targetOf = (service: string): string =>
  service === 'client' ? 'client/1' : service.startsWith('node-') ? `node/${service}` : service.replace('-', '/');

async function experiment(service: string, fault: ContainerFault): Promise<ProbeReport> {
  const since = new Date().toISOString();
  const before = await state();
  const cut = CUTS[service] ?? { network: `${PROJECT}_lan` };
  const report = await lab.probe(`http://${ip}/`, PROBE_S[fault], () =>
    breakAndMend(fault, `${PROJECT}-${service}-1`, cut),
  );
  await settled(before);
  expect(await faultsSince(since)).toContain(`${SEEN_AS[fault]} ${targetOf(service)}`);
  return report;
}

// The second DNS server is the first one's double: SVCLAB_CHAOS=all breaks it as well.
const CONTROL_PLANE = ['nats-1', 'controller-1', 'dns-1', ...(process.env.SVCLAB_CHAOS === 'all' ? ['dns-2'] : [])];

describe.each(CONTROL_PLANE)('%s: the data path does not notice', (service) => {
  it.each(FAULTS)('%s', async (fault) => {
    const report = await experiment(service, fault);
    expect(report.new.sent).toBeGreaterThan(300);
    expect(report.new.lost).toBe(0);
    expect(report.reused.lost).toBe(0);
  });
});

describe('the node that owns the VIP: another takes over', () => {
  it.each(FAULTS)('%s', async (fault) => {
    const { owner } = await vip();
    const since = new Date().toISOString();
    const report = await experiment(owner, fault);
    // The timeline tells of the one that took over; who owns it in the end is the election's to say.
    const events = JSON.parse(await lab.ok('timeline', '--since', since, '-o', 'json')) as {
      type: string;
      node: string;
      attrs: Record<string, string>;
    }[];
    expect(events.some((e) => e.type === 'vip.announced' && e.node !== owner && e.attrs.vip === ip)).toBe(true);
    expect(report.new.ok).toBeGreaterThan(report.new.lost);
  });
});

describe('a node that does not own the VIP: its endpoints leave, the VIP stays', () => {
  it.each(FAULTS)('%s', async (fault) => {
    const { owner } = await vip();
    const other = ['node-1', 'node-2', 'node-3'].find((n) => n !== owner) ?? '';
    const report = await experiment(other, fault);
    expect((await vip()).owner).toBe(owner);
    // One endpoint of three is affected, and not for the whole time.
    expect(report.new.ok).toBeGreaterThan(report.new.lost);
  });
});

describe('the supervisor and the client host: nothing of the lab depends on them', () => {
  it.each(FAULTS)('client: %s', async (fault) => {
    // A pause is dated by the last beat before it, so a little early.
    const since = new Date().toISOString();
    const before = await state();
    await breakAndMend(fault, `${PROJECT}-client-1`, { network: `${PROJECT}_lan` });
    await settled(before);
    expect(await faultsSince(since)).toContain(`${SEEN_AS[fault]} client/1`);
  });

  it.each(FAULTS)('supervisor: %s', async (fault) => {
    // A pause is dated by the last beat before it, so a little early.
    const since = new Date().toISOString();
    const before = await state();
    await breakAndMend(fault, `${PROJECT}-supervisor-1`, CUTS.supervisor ?? { network: '' });
    await settled(before);
    // It hears nobody meanwhile, and takes nobody for broken.
    expect(await faultsSince(since)).toEqual([]);
  });
});
