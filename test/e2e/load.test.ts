/** The scripts of loadtest/ by `svclab load` on a lab: what each is for, its exit codes, its samples, and a generator that is starved. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type Result } from './lab.ts';

/** What `svclab load -o json` prints. */
interface Figures {
  readonly engine: string;
  readonly requests: number;
  readonly failed: number;
  readonly iterations: number;
  readonly dropped_iterations: number;
  readonly lateness_p99_ms: number;
  readonly inconclusive: readonly string[];
  readonly exit_code: number;
}

/** A line of the samples. */
interface Point {
  readonly type: string;
  readonly metric: string;
  readonly data: { readonly value: number; readonly tags: Readonly<Record<string, string>> };
}

let lab: Lab;
let web = '';
let sticky = '';

beforeAll(async () => {
  lab = await Lab.up();
  await lab.pool();
  web = await lab.web('web');
  sticky = await lab.web('sticky', 3, { sessionAffinity: 'ClientIP' });
});
afterAll(() => lab?.down());

const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;

/** Runs the CLI while `during` does, from its first line on; interrupts it a second after `during` where `interrupt` says so. */
async function beside(args: readonly string[], during: () => Promise<void>, interrupt: boolean): Promise<Result> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, SVCLAB_STATE_DIR: lab.stateDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let begun = (): void => {};
  const firstLine = new Promise<void>((resolve) => {
    begun = resolve;
  });
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    if (stderr.includes('requests/s')) begun();
  });
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  try {
    await Promise.race([firstLine, ended]);
    await during();
    if (interrupt) await new Promise((resolve) => setTimeout(resolve, 1000));
    else await ended;
  } finally {
    child.kill('SIGINT');
  }
  return { code: await ended, stdout, stderr };
}

/** Runs a script by the built-in host: as long as it lasts, or as long as `during` does unless `toTheEnd`. */
async function load(
  script: string,
  env: Readonly<Record<string, string | number>>,
  during?: () => Promise<void>,
  toTheEnd = false,
) {
  const samples = join(lab.stateDir, 'samples.jsonl');
  const pairs = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const path = script.includes('/') ? script : new URL(`../../loadtest/${script}`, import.meta.url).pathname;
  const args = [path, '--engine', 'builtin', ...pairs, '--out', `json=${samples}`, '-o', 'json'];
  const ended = during
    ? await beside(['load', ...lab.ref, ...args], during, !toTheEnd)
    : await lab.cli('load', ...args);
  expect(ended.stdout, ended.stderr).not.toBe('');
  const figures = JSON.parse(ended.stdout) as Figures;
  expect(ended.code).toBe(figures.exit_code);
  if (ended.code !== 130) expect(figures.inconclusive.length > 0).toBe(ended.code === 3);
  const points = readFileSync(samples, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Point)
    .filter((line) => line.type === 'Point');
  const of = (metric: string, tags: Readonly<Record<string, string>> = {}): Point[] =>
    points.filter((p) => p.metric === metric && Object.entries(tags).every(([k, v]) => p.data.tags[k] === v));
  expect(of('http_reqs')).toHaveLength(figures.requests);
  return { figures, of, stderr: ended.stderr };
}

const sum = (points: readonly Point[]): number => points.reduce((total, p) => total + p.data.value, 0);
const podsIn = (points: readonly Point[]): string[] => [...new Set(points.map((p) => p.data.tags.pod ?? ''))];

describe('the scripts of loadtest', () => {
  it('baseline reaches a Service by every type', async () => {
    const service = JSON.parse(await lab.kube(['get', 'svc', 'web', '-o', 'json'])) as {
      spec: { clusterIP: string; ports: { nodePort: number }[] };
    };
    expect((await lab.client('ip', 'route', 'replace', '10.96.0.0/16', 'via', '172.30.0.11')).code).toBe(0);
    const { figures, of } = await load('baseline.js', {
      URL: `http://${web}/`,
      NODEPORT_URL: `http://172.30.0.12:${service.spec.ports[0]?.nodePort}/`,
      CLUSTERIP_URL: `http://${service.spec.clusterIP}/`,
      RATE: 10,
      DURATION: '3s',
    });
    expect(figures).toMatchObject({ engine: 'builtin', failed: 0 });
    for (const target of ['loadbalancer', 'nodeport', 'clusterip'])
      expect(of('http_reqs', { target, status: '200' }).length).toBeGreaterThanOrEqual(25);
  });

  it("dns-under-load asks the lab's servers for each request", async () => {
    const url = 'http://web.default.svc.cluster.local/hostname';
    const { figures, of } = await load('dns-under-load.js', { URL: url, RATE: 10, DURATION: '3s' });
    expect(figures.failed).toBe(0);
    expect(sum(of('http_reqs'))).toBeGreaterThanOrEqual(25);
    const none = await load('dns-under-load.js', { URL: url.replace('web', 'gone'), RATE: 5, DURATION: '2s' });
    expect(none.figures.failed).toBe(none.figures.requests);
    expect(sum(none.of('dns_failures'))).toBe(none.figures.requests);
  });

  it('rolling-update loses nothing and meets the old pods and the new', async () => {
    const { figures, of } = await load(
      'rolling-update.js',
      { URL: `http://${web}/hostname`, RATE: 15, DURATION: '100s' },
      async () => {
        await lab.kube(['rollout', 'restart', 'deploy/web']);
        await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
      },
    );
    expect(of('http_req_failed').filter((p) => p.data.value === 1)).toEqual([]);
    expect(figures.requests).toBeGreaterThan(30);
    expect(new Set(podsIn(of('answers')).map((pod) => pod.split('-').slice(0, -1).join('-'))).size).toBe(2);
  });

  it('scale-up-down loses nothing, and the new pods take part', async () => {
    const { figures, of } = await load(
      'scale-up-down.js',
      { URL: `http://${web}/hostname`, RATE: 20, DURATION: '100s' },
      async () => {
        await lab.kube(['scale', 'deploy/web', '--replicas=6']);
        await lab.kube(['rollout', 'status', 'deploy/web', '--timeout=60s']);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await lab.kube(['scale', 'deploy/web', '--replicas=3']);
      },
    );
    expect(figures.failed).toBe(0);
    expect(podsIn(of('answers')).length).toBeGreaterThan(3);
  });

  it('session-affinity tells a Service that has it from one that has not', async () => {
    const kept = await load('session-affinity.js', { URL: `http://${sticky}/hostname`, RATE: 10, DURATION: '3s' });
    expect(sum(kept.of('backend_moved'))).toBe(0);
    const spread = await load('session-affinity.js', { URL: `http://${web}/hostname`, RATE: 10, DURATION: '3s' });
    expect(sum(spread.of('backend_moved'))).toBeGreaterThan(0);
    expect([1, 3]).toContain(spread.figures.exit_code);
  });

  it('nodeport-failover: who keeps to a node leaves the dead one, who takes turns meets it to the end', async () => {
    const port = await lab.kube(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}']);
    const { of } = await load('nodeport-failover.js', { PORT: port, RATE: 10, DURATION: '100s' }, async () => {
      expect((await lab.cli('fault', 'kill', 'node/node-2')).code).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 5000));
    });
    await lab.ok('fault', 'restart', 'node/node-2');
    const lost = of('http_req_failed', { node: '172.30.0.12' });
    expect(sum(lost)).toBeGreaterThan(0);
    const failed = (target: string): number => sum(of('client_failed', { target }));
    expect(failed('roundrobin')).toBeGreaterThan(failed('sticky'));
    expect(sum(of('node_moves'))).toBe(failed('sticky'));
  });
});

/** Pids of load hosts that run a script. */
function loadHosts(script: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return /load\/main\.js$/.test(line[1] ?? '') && line[2] === script;
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('exit codes', () => {
  it('3 when the generator was starved of its CPU from outside', async () => {
    const script = join(lab.stateDir, 'starved.js');
    writeFileSync(script, readFileSync(new URL('../../loadtest/baseline.js', import.meta.url)));
    const starve = async (): Promise<void> => {
      // By now it runs and says how far it is.
      const [pid = 0] = loadHosts(script);
      expect(pid).toBeGreaterThan(0);
      // As a CPU quota of a third does it: 200 ms without, 100 ms with.
      const pulse = (signal: 'SIGSTOP' | 'SIGCONT', ms: number): Promise<void> => {
        process.kill(pid, signal);
        return new Promise((resolve) => setTimeout(resolve, ms));
      };
      for (let i = 0; i < 8; i++) {
        await pulse('SIGSTOP', 200);
        await pulse('SIGCONT', 100);
      }
    };
    const { figures, stderr } = await load(script, { URL: `http://${web}/`, RATE: 100, DURATION: '5s' }, starve, true);
    expect(figures.lateness_p99_ms).toBeGreaterThan(50);
    expect(figures.exit_code).toBe(3);
    expect(stderr).toContain('svclab load: inconclusive: ');
  });

  it('3 when iterations were dropped, 1 when a threshold failed, and the same without -o json', async () => {
    const hang = join(lab.stateDir, 'hang.js');
    writeFileSync(
      hang,
      `import http from 'k6/http';
      export const options = { scenarios: { s: { executor: 'constant-arrival-rate', rate: 20, duration: '1s', preAllocatedVUs: 1, gracefulStop: '0s' } } };
      export default async function () { await http.asyncRequest('GET', __ENV.URL, null, { timeout: 3000 }); }`,
    );
    const dropped = await load(hang, { URL: `http://${web}/delay/2000` });
    expect(dropped.figures.dropped_iterations).toBeGreaterThan(0);
    expect(dropped.figures.exit_code).toBe(3);
    const url = ['--env', `URL=http://${web}/status/500`];
    const failing = join(lab.stateDir, 'failing.js');
    writeFileSync(
      failing,
      "import http from 'k6/http';\nexport const options = { iterations: 2, thresholds: { http_req_failed: ['rate==0'] } };\nexport default async function () { await http.asyncRequest('GET', __ENV.URL); }",
    );
    const text = await lab.cli('load', failing, '--engine', 'builtin', ...url);
    expect(text.stdout).toContain('FAILED http_req_failed: rate==0 (1)');
    expect(text.code).toBe(1);
  });

  it.each([
    [
      'does not parse',
      "import http from 'k6/http';\nexport default async function () {\n  const = 1;\n}",
      /bad\.js:3: .*does not parse.*correct the line/,
    ],
    ['throws at once', "\nthrow new Error('no config');", /bad\.js:2: .*no config/],
    ['has no function', 'export const options = { iterations: 1 };', /bad\.js: .*add "export default async function/],
    [
      'has an unknown executor',
      "export const options = {\n  scenarios: { s: { executor: 'constant-rate' } },\n};",
      /bad\.js:2: Executor "constant-rate".*give one of/,
    ],
    [
      'imports what only k6 has',
      "import ws from 'k6/ws';\nexport default function () {}",
      /bad\.js:1: k6\/ws needs k6/,
    ],
  ])('2 for a script that %s, by file, line and cure', async (_, source, message) => {
    const script = join(lab.stateDir, 'bad.js');
    writeFileSync(script, source);
    for (const form of ['json', 'text']) {
      const { code, stdout, stderr } = await lab.cli('load', script, '--engine', 'builtin', '-o', form);
      const lines = stderr.trim().split('\n');
      expect(lines.at(-1)).toMatch(message);
      expect(lines).toHaveLength(2);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    }
  });
});
