/** Every script of loadtest/ runs on the built-in host and says what it ought to of a server that is well and of one that is not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadResult } from './result.ts';

const HOST = fileURLToPath(new URL('../../dist/load/main.js', import.meta.url));
const script = (name: string) => fileURLToPath(new URL(`../../../../loadtest/${name}`, import.meta.url));

let server: Server;
let port = 0;
let sockets = 0;
/** Pod the server says it is, by the number of the request. */
let pod: (request: number) => string = () => 'web-1';
let status = 200;
const children: ChildProcess[] = [];

beforeEach(async () => {
  sockets = 0;
  let requests = 0;
  pod = () => 'web-1';
  status = 200;
  server = createServer((_, response) => response.writeHead(status).end(`${pod(requests++)}\n`));
  server.on('connection', () => {
    sockets++;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  server.close();
  server.closeAllConnections();
});

async function load(name: string, env: Readonly<Record<string, string | number>>) {
  const given = Object.entries({ URL: `http://127.0.0.1:${port}/hostname`, ...env });
  const pairs = given.flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const child = spawn(process.execPath, [HOST, script(name), ...pairs, '-o', 'json', '--progress', 'none']);
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  await once(child, 'close');
  expect(stdout, stderr).not.toBe('');
  const result = JSON.parse(stdout) as LoadResult;
  // What the machine's other work does to the rate is no matter here.
  const failed = result.thresholds.filter((t) => !t.ok && !/duration|blocked|dropped/.test(t.metric));
  return { result, failed: failed.map((t) => t.metric) };
}

const QUICK = { RATE: 20, DURATION: '1s' };

describe('every script of loadtest', () => {
  it.each([
    ['baseline.js', QUICK, 20],
    ['vip-failover.js', QUICK, 20],
    ['rolling-update.js', QUICK, 40],
    ['scale-up-down.js', QUICK, 20],
    ['session-affinity.js', QUICK, 21],
    ['keepalive-vs-new.js', { RATE: 20, DURATION: '2s', TIMEOUT_MS: 400 }, 80],
    ['dns-under-load.js', { ...QUICK, URL: '' }, 20],
    ['soak.js', QUICK, 20],
    ['spike.js', { RATE: 10, PEAK: 30, HOLD: '1s', QUIET: '500ms' }, 80],
    ['nodeport-failover.js', { ...QUICK, NODES: '127.0.0.1', PORT: 0 }, 40],
  ] as const)('%s', async (name, env, requests) => {
    const own: Record<string, string | number> = { ...env };
    if ('PORT' in own) own.PORT = port;
    // A name, not an address, and one that every machine has.
    if (name === 'dns-under-load.js') own.URL = `http://localhost:${port}/`;
    const { result, failed } = await load(name, own);
    expect(failed).toEqual([]);
    expect(result.requests + result.dropped_iterations).toBe(requests);
    expect(result.failed).toBe(0);
  });
});

describe('what they judge', () => {
  it('keepalive-vs-new makes a connection for each new request and few for the kept ones', async () => {
    const { result } = await load('keepalive-vs-new.js', { RATE: 20, DURATION: '2s', TIMEOUT_MS: 200 });
    const each = result.requests / 2;
    expect(sockets).toBeGreaterThanOrEqual(each + 1);
    expect(sockets).toBeLessThan(each + each / 2);
  });

  it('session-affinity fails when the backend moves', async () => {
    pod = (request) => (request < 10 ? 'web-1' : 'web-2');
    const { failed, result } = await load('session-affinity.js', QUICK);
    expect(failed).toEqual(['backend_moved']);
    // The first ten are setup's and nine iterations'.
    expect(result.summary.metrics.backend_moved?.values).toMatchObject({ passes: result.iterations - 9, fails: 9 });
  });

  it.each([
    ['baseline.js', {}, ['checks{target:loadbalancer}', 'http_req_failed{target:loadbalancer}']],
    ['rolling-update.js', {}, ['http_req_failed{conn:new}', 'http_req_failed{conn:reused}']],
    ['scale-up-down.js', {}, ['http_req_failed', 'checks']],
    ['vip-failover.js', { MAX_FAILED: 0.5 }, ['http_req_failed']],
    ['dns-under-load.js', {}, ['http_req_failed']],
    ['spike.js', { PEAK: 30, HOLD: '100ms', QUIET: '100ms' }, ['http_req_failed']],
  ] as const)('%s fails when the server does', async (name, env, metrics) => {
    status = 503;
    const { failed } = await load(name, { ...QUICK, ...env });
    expect(failed).toEqual(metrics);
  });

  it('nodeport-failover: who keeps to a node fails once and moves, who takes turns fails again and again', async () => {
    // The second node is a closed port: nobody listens on 127.0.0.2.
    const env = { RATE: 20, DURATION: '2s', NODES: '127.0.0.1,127.0.0.2', PORT: port };
    const { result } = await load('nodeport-failover.js', env);
    const { metrics } = result.summary;
    const turns = metrics['client_failed{target:roundrobin}']?.values.passes ?? 0;
    expect(turns).toBe(20);
    const sticky = metrics['client_failed{target:sticky}']?.values.passes ?? 0;
    expect(sticky).toBe(metrics.node_moves?.values.count ?? 0);
    // Each virtual user has one bad node to leave at most.
    expect(sticky).toBeLessThan(turns);
    const retried = await load('nodeport-failover.js', { ...env, RETRY: '1', MAX_FAILED: 0 });
    expect(retried.failed).toEqual([]);
  });
});
