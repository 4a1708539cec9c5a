import { type ChildProcess, execFileSync } from 'node:child_process';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNetns, type Netns, spawnIn, udpSocketIn, withNetns } from '@svclab/runtime';
import { type Answer, decode, encode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDnsSamples } from '../scenario/dns-probe-run.ts';
import type { DnsProbeReport } from './dns-report.ts';

const PROBER = fileURLToPath(new URL('../../dist/prober/main.js', import.meta.url));
const NAME = 'web.shop.svc.cluster.local';

let ns: Netns;
let dir: string;
const sockets: Socket[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  ns = createNetns();
  dir = mkdtempSync(join(tmpdir(), 'svclab-dns-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const socket of sockets.splice(0)) socket.close();
  ns.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A DNS server on an address of the namespace; `answer` gives addresses, a response code, or silence. */
function serve(
  address: string,
  answer: (asked: number) => readonly string[] | number | undefined,
): { asked: () => number; ports: Set<number> } {
  const socket = udpSocketIn(ns, { address, port: 53 });
  sockets.push(socket);
  const ports = new Set<number>();
  let asked = 0;
  socket.on('message', (bytes, from) => {
    const found = answer(asked++);
    ports.add(from.port);
    if (found === undefined) return;
    const { id = 0, questions = [] } = decode(bytes);
    const answers =
      typeof found === 'number' ? [] : found.map((data): Answer => ({ type: 'A', name: NAME, ttl: 5, data }));
    socket.send(
      encode({ type: 'response', id, flags: typeof found === 'number' ? found : 0, questions, answers }),
      from.port,
      from.address,
    );
  });
  return { asked: () => asked, ports };
}

function probe(...args: string[]): {
  report: () => Promise<DnsProbeReport>;
  code: Promise<number | null>;
  child: ChildProcess;
  underWay: Promise<unknown>;
} {
  const child = spawnIn(ns, process.execPath, [PROBER, ...args, '-o', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  const closed = once(child, 'close');
  return {
    child,
    underWay: once(child.stderr ?? child, 'data'),
    code: closed.then(([code]) => code as number | null),
    report: () => closed.then(() => JSON.parse(out) as DnsProbeReport),
  };
}

describe('the DNS prober', () => {
  it('asks at its pace, each time from a port of its own, and writes what it was told', async () => {
    const server = serve('127.0.0.1', (n) => (n < 50 ? ['10.244.2.2', '10.244.1.2'] : ['10.244.1.2']));
    const samples = join(dir, 'dns.jsonl');
    const report = await probe(`dns://${NAME}@127.0.0.1`, '--duration', '1s', '--samples', samples).report();
    expect(report).toMatchObject({
      sent: 100,
      ok: 100,
      lost: 0,
      longest_gap_ms: 10,
      answers: { '10.244.1.2,10.244.2.2': 50, '10.244.1.2': 50 },
      servers: { '127.0.0.1': 100 },
      outages: [],
    });
    expect(server.asked()).toBe(100);
    expect(server.ports.size).toBeGreaterThan(90);
    const run = readDnsSamples(readFileSync(samples, 'utf8'), report);
    expect(run.samples).toHaveLength(100);
    expect(run.samples[99]).toMatchObject({
      seq: 99,
      scheduledMs: 990,
      outcome: 'ok',
      addresses: ['10.244.1.2'],
      ttl: 5,
      server: '127.0.0.1',
    });
  });

  it('reports a cut no shorter than it was', async () => {
    serve('127.0.0.1', () => ['10.244.1.2']);
    const run = probe(`dns://${NAME}@127.0.0.1`, '--interval', '5ms', '--duration', '4s', '--timeout', '200ms');
    await run.underWay;
    const nft = (script: string): void => void withNetns(ns, () => execFileSync('nft', ['-f', '-'], { input: script }));
    nft('table ip cut { chain i { type filter hook input priority 0; udp dport 53 drop\n}\n}\n');
    const from = process.hrtime.bigint();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const leastMs = Number(process.hrtime.bigint() - from) / 1e6;
    nft('delete table ip cut');
    const report = await run.report();
    expect(report.longest_gap_ms).toBeGreaterThanOrEqual(leastMs);
    expect(report.outcomes.timeout).toBe(report.lost);
    expect(report.outages).toHaveLength(1);
  });

  it('tells the classes of failure apart', async () => {
    withNetns(ns, () => execFileSync('ip', ['route', 'add', 'unreachable', '127.9.9.9', 'table', 'local']));
    serve('127.0.0.2', () => 3);
    serve('127.0.0.3', () => 2);
    serve('127.0.0.4', () => 5);
    serve('127.0.0.5', () => []);
    serve('127.0.0.6', () => undefined);
    const outcomes = async (server: string) =>
      (await probe(`dns://${NAME}@${server}`, '--duration', '200ms', '--timeout', '100ms').report()).outcomes;
    expect(await outcomes('127.0.0.2')).toEqual({ nxdomain: 20 });
    expect(await outcomes('127.0.0.3')).toEqual({ servfail: 20 });
    expect(await outcomes('127.0.0.4')).toEqual({ refused: 20 });
    expect(await outcomes('127.0.0.5')).toEqual({ nodata: 20 });
    expect(await outcomes('127.0.0.6')).toEqual({ timeout: 20 });
    expect(await outcomes('127.0.0.7')).toEqual({ unreachable: 20 });
    expect(await outcomes('127.9.9.9')).toEqual({ unreachable: 20 });
  });

  it('asks the next server when one is silent or its port is closed, and takes a refusal for an answer', async () => {
    serve('127.0.0.2', () => undefined);
    serve('127.0.0.3', () => ['10.244.1.2']);
    serve('127.0.0.4', () => 3);
    const run = async (servers: string) =>
      await probe(`dns://${NAME}@${servers}`, '--duration', '200ms', '--timeout', '100ms').report();
    expect((await run('127.0.0.2,127.0.0.3')).servers).toEqual({ '127.0.0.3': 20 });
    expect((await run('127.0.0.9,127.0.0.3')).servers).toEqual({ '127.0.0.3': 20 });
    expect((await run('127.0.0.4,127.0.0.3')).outcomes).toEqual({ nxdomain: 20 });
  });

  it('keeps what it measured when interrupted, and says what is wrong with its arguments', async () => {
    serve('127.0.0.1', () => ['10.244.1.2']);
    const run = probe(`dns://${NAME}@127.0.0.1`);
    await run.underWay;
    run.child.kill('SIGINT');
    expect(await run.code).toBe(130);
    expect(await run.report()).toMatchObject({ interrupted: true, lost: 0 });
    expect(await probe('dns://..@127.0.0.1').code).toBe(2);
  });
});
