import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createNetns, listenIn, type Netns, spawnIn, withNetns } from '@svclab/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProbeReport } from './report.ts';

const PROBER = fileURLToPath(new URL('../../dist/prober/main.js', import.meta.url));
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

let ns: Netns;
const servers: (Server | TcpServer)[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  ns = createNetns();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const server of servers.splice(0)) {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
  ns.close();
});

/** A web server inside the namespace. */
function serve(port: number, handler: RequestListener): Server {
  const server = createServer(handler);
  listenIn(ns, server, { port });
  servers.push(server);
  return server;
}

interface Run {
  readonly report: () => Promise<ProbeReport>;
  readonly code: Promise<number | null>;
  readonly child: ChildProcess;
  /** Resolves when the prober says that a second has passed. */
  readonly underWay: Promise<unknown>;
}

function probe(...args: string[]): Run {
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
    report: () => closed.then(() => JSON.parse(out) as ProbeReport),
  };
}

const nft = (script: string): void => {
  withNetns(ns, () => execFileSync('nft', ['-f', '-'], { input: script }));
};

/** Cuts port 80 for about `ms`; returns the least and the most the cut can have lasted. */
async function cut(ms: number, verdict: string): Promise<{ leastMs: number; mostMs: number }> {
  const beforeAdd = monotonicMs();
  nft(`table ip cut { chain o { type filter hook output priority 0; tcp dport 80 ${verdict}\n}\n}\n`);
  const afterAdd = monotonicMs();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const beforeDelete = monotonicMs();
  nft('delete table ip cut');
  return { leastMs: beforeDelete - afterAdd, mostMs: monotonicMs() - beforeAdd };
}

describe('the prober', () => {
  it.each([
    [60, 'reject with tcp reset', 'refused'],
    [400, 'reject with tcp reset', 'refused'],
    [900, 'drop', 'timeout'],
  ] as const)('reports a cut of %d ms by %s within one interval', async (ms, verdict, outcome) => {
    serve(80, (_request, response) => response.setHeader('x-svclab-pod', 'web-1').end('hello'));
    const run = probe('http://127.0.0.1/', '--interval', '5ms', '--duration', '4s', '--timeout', '300ms');
    await run.underWay;
    const truth = await cut(ms, verdict);
    const report = await run.report();
    expect(await run.code).toBe(0);
    // A gap begins with a success before the cut and ends with one after it, each at most one interval (and as late as it was sent) away.
    const slack = 2 * (report.interval_ms + report.lateness_ms.max);
    expect(report.new.longest_gap_ms).toBeGreaterThanOrEqual(truth.leastMs);
    expect(report.new.longest_gap_ms).toBeLessThanOrEqual(truth.mostMs + slack);
    expect(report.new.outcomes[outcome]).toBe(report.new.lost);
    expect(report.sent).toBe(800);
    if (verdict !== 'drop') {
      expect(report.reused.longest_gap_ms).toBeGreaterThanOrEqual(truth.leastMs);
      expect(report.reused.longest_gap_ms).toBeLessThanOrEqual(truth.mostMs + slack);
    }
    const [outage] = report.outages.filter((o) => o.kind === 'new' && o.gap_ms === report.new.longest_gap_ms);
    expect(Number(BigInt(outage?.to_ns ?? 0) - BigInt(outage?.from_ns ?? 0)) / 1e6).toBeCloseTo(
      report.new.longest_gap_ms,
      0,
    );
  });

  it('loses nothing where nothing is lost, keeps one connection, and opens one per request on the other flow', async () => {
    let reused = 0;
    const connections = new Set<unknown>();
    serve(80, (request, response) => {
      if (request.headers.connection === 'close') connections.add(request.socket);
      else reused = Math.max(reused, (request.socket as { requests?: number }).requests ?? 0);
      const socket = request.socket as { requests?: number };
      socket.requests = (socket.requests ?? 0) + 1;
      response.end('web-1\nhello');
    });
    const report = await probe('http://127.0.0.1/', '--duration', '1500ms').report();
    expect(report.new).toMatchObject({
      sent: 150,
      ok: 150,
      lost: 0,
      longest_gap_ms: 10,
      loss_derived_ms: 0,
      outcomes: { ok: 150 },
    });
    expect(report.reused).toMatchObject({ sent: 150, ok: 150, lost: 0, longest_gap_ms: 10 });
    expect(report.backends.new).toEqual({ 'web-1': 150 });
    expect(connections.size).toBe(150);
    expect(reused).toBeGreaterThan(100);
  });

  it('is not held back by a server that does not answer', async () => {
    const silent = createTcpServer(() => {});
    listenIn(ns, silent, { port: 80 });
    servers.push(silent);
    const report = await probe('http://127.0.0.1/', '--duration', '1s', '--timeout', '200ms').report();
    expect(report.new).toMatchObject({ sent: 100, lost: 100, outcomes: { timeout: 100 }, longest_gap_ms: 1000 });
    expect(report.reused.outcomes).toEqual({ timeout: 100 });
  });

  it('tells the classes of failure apart', async () => {
    serve(81, (_request, response) => response.writeHead(503).end());
    serve(82, (request) => request.socket.destroy());
    withNetns(ns, () => execFileSync('ip', ['route', 'add', 'unreachable', '127.9.9.9', 'table', 'local']));
    const outcomes = async (url: string) => (await probe(url, '--duration', '200ms').report()).new.outcomes;
    expect(await outcomes('http://127.0.0.1:81/')).toEqual({ 'http-error': 20 });
    expect(await outcomes('http://127.0.0.1:82/')).toEqual({ reset: 20 });
    expect(await outcomes('http://127.0.0.1:83/')).toEqual({ refused: 20 });
    expect(await outcomes('http://127.9.9.9/')).toEqual({ unreachable: 20 });
  });

  it('follows a server that ends its connections by announcement without loss', async () => {
    const server = serve(80, (_request, response) => response.end('web-1\n'));
    server.maxRequestsPerSocket = 10;
    const report = await probe('http://127.0.0.1/', '--duration', '1s').report();
    expect(report.reused).toMatchObject({ ok: 100, lost: 0 });
  });

  it('keeps what it measured when interrupted', async () => {
    serve(80, (_request, response) => response.end('web-1\n'));
    const run = probe('http://127.0.0.1/');
    await run.underWay;
    run.child.kill('SIGINT');
    expect(await run.code).toBe(130);
    expect(await run.report()).toMatchObject({ interrupted: true, new: { lost: 0 } });
    expect((await run.report()).sent).toBeGreaterThan(50);
  });

  it('says what is wrong with its arguments', async () => {
    expect(await probe('ftp://x/').code).toBe(2);
    expect(await probe('http://no-such-name.invalid/', '--duration', '1s').code).toBe(4);
  });
});
