/** What the load host says of itself: how late it was, what it dropped, how far it is, each sample. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LATENESS_BOUND_MS } from './lateness.ts';
import type { LoadProgress } from './progress.ts';
import type { LoadResult } from './result.ts';

const HOST = fileURLToPath(new URL('../../dist/load/main.js', import.meta.url));

let dir: string;
let server: Server;
let url: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'svclab-load-'));
  server = createServer((request, response) => {
    if (request.url !== '/hang') response.writeHead(request.url === '/missing' ? 404 : 200).end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true, force: true });
});

function start(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function load(source: string, args: readonly string[] = [], onceItRuns?: (pid: number) => void) {
  const script = join(dir, 'script.js');
  writeFileSync(script, source);
  const child = start([process.execPath, HOST, script, '--env', `URL=${url}`, '-o', 'json', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    if (stderr === '' && child.pid !== undefined) onceItRuns?.(child.pid);
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number, stderr, result: () => JSON.parse(stdout) as LoadResult };
}

const script = (path: string, rate: number, vus: number, seconds = 2) => `import http from 'k6/http';
export const options = {
  scenarios: { s: { executor: 'constant-arrival-rate', rate: ${rate}, duration: '${seconds}s', preAllocatedVUs: ${vus}, gracefulStop: '0s' } },
};
export default async function () { await http.asyncRequest('GET', __ENV.URL + '${path}', null, { timeout: 500, tags: { kind: 'a' } }); }
`;

describe('a load that says nothing', () => {
  it('exits 3 when iterations found no free virtual user, whatever the thresholds say', async () => {
    const { code, stderr, result } = await load(
      script('/hang', 50, 2).replace('scenarios:', "thresholds: { http_req_failed: ['rate==0'] }, scenarios:"),
    );
    expect(result().dropped_iterations).toBeGreaterThan(0);
    expect(result().thresholds.map((t) => t.ok)).toEqual([false]);
    expect(stderr).toMatch(/inconclusive: \d+ iterations were dropped: no virtual user was free/);
    expect(code).toBe(3);
  });

  it('exits 3 when the generator was starved of its CPU from outside', async () => {
    const cpu = String(availableParallelism() - 1);
    const { code, stderr, result } = await load(script('/', 200, 100, 4), [], (pid) => {
      // On one CPU with eight programs that never rest, as the least important of them.
      expect(spawnSync('taskset', ['-a', '-c', '-p', cpu, String(pid)]).status).toBe(0);
      setPriority(pid, 10);
      for (let i = 0; i < 8; i++) start(['taskset', '-c', cpu, process.execPath, '-e', 'for (;;);']);
    });
    expect(result().lateness_p99_ms).toBeGreaterThan(LATENESS_BOUND_MS);
    expect(result().lateness_ms.max).toBeGreaterThanOrEqual(result().lateness_p99_ms);
    expect(stderr).toMatch(/inconclusive: .*give the generator more CPU/);
    expect(code).toBe(3);
  });
});

describe('while it runs', () => {
  it('tells once a second how far it is, one JSON object a line', async () => {
    const { code, stderr, result } = await load(script('/missing', 50, 20, 3), ['--progress', 'json']);
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LoadProgress);
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) {
      expect(Object.keys(line)).toEqual([
        ...['type', 'at_ms', 'left_ms', 'requests_per_s', 'errors_per_s', 'iterations', 'requests', 'failed'],
        ...['dropped_iterations', 'vus', 'vus_max', 'lateness_p99_ms'],
      ]);
      expect(line).toMatchObject({ type: 'progress', vus_max: 20, dropped_iterations: 0 });
      expect(line.at_ms + line.left_ms).toBeGreaterThanOrEqual(3000 - 1);
      expect(line.errors_per_s).toBe(line.requests_per_s);
    }
    const seen = lines.map((line) => line.requests);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeLessThanOrEqual(result().requests);
    expect(code).toBe(0);
  });

  it('is quiet when asked', async () => {
    const { stderr } = await load(script('/', 50, 20, 2), ['--progress', 'none']);
    expect(stderr).not.toContain('requests/s,');
    expect(stderr).not.toContain('progress');
  });
});

describe('--out json', () => {
  it("writes every sample in k6's format", async () => {
    const before = Date.now();
    const { result } = await load(script('/', 50, 20, 2), ['--out', 'json=samples.json']);
    const lines = readFileSync(join(dir, 'samples.json'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const declared = new Set<string>();
    for (const line of lines)
      if (line.type === 'Metric') {
        expect(declared.has(line.metric)).toBe(false);
        declared.add(line.metric);
      } else {
        expect(declared).toContain(line.metric);
        const at = Date.parse(line.data.time);
        expect(at).toBeGreaterThanOrEqual(before - 1);
        expect(at).toBeLessThanOrEqual(Date.now() + 1);
      }
    const points = (metric: string) => lines.filter((line) => line.type === 'Point' && line.metric === metric);
    expect(points('http_reqs')).toHaveLength(result().requests);
    expect(points('http_req_duration')).toHaveLength(result().requests);
    expect(points('iterations')).toHaveLength(result().iterations);
    expect(points('http_req_duration')[0].data.tags).toMatchObject({
      ...{ method: 'GET', status: '200', scenario: 's', kind: 'a', expected_response: 'true', name: `${url}/` },
    });
    const sum = points('http_req_duration').reduce((total, p) => total + p.data.value, 0);
    const { avg = 0 } = result().summary.metrics.http_req_duration?.values ?? {};
    expect(sum / result().requests).toBeCloseTo(avg, 6);
  });

  it('refuses other outputs, and says so when the file cannot be written', async () => {
    const other = await load(script('/', 5, 2, 1), ['--out', 'csv=x']);
    expect(other.stderr).toContain('--out does not take "csv=x": give json=FILE');
    expect(other.code).toBe(2);
    const nowhere = await load(script('/', 5, 2, 1), ['--out', 'json=/nowhere/x.json']);
    expect(nowhere.stderr).toContain('/nowhere/x.json');
    expect(nowhere.code).toBe(4);
  });
});
