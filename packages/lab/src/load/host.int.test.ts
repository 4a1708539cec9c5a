import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadResult } from './result.ts';

const HOST = fileURLToPath(new URL('../../dist/load/main.js', import.meta.url));

let dir: string;
let server: Server;
let url: string;
let sockets = 0;
let requests: { path: string; method: string; headers: Record<string, unknown>; body: string }[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'svclab-load-'));
  sockets = 0;
  requests = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      requests.push({ path: request.url ?? '', method: request.method ?? '', headers: request.headers, body });
      if (request.url === '/hang') return;
      if (request.url === '/redirect') response.writeHead(302, { location: '/' }).end();
      else response.writeHead(request.url === '/missing' ? 404 : 200, { 'x-pod': 'web-1' }).end('{"pod":"web-1"}');
    });
  });
  server.on('connection', () => {
    sockets++;
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

function start(source: string, ...args: string[]) {
  const script = join(dir, 'script.js');
  writeFileSync(script, source);
  const child = spawn(process.execPath, [HOST, script, '--env', `URL=${url}`, ...args], { cwd: dir });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const done = once(child, 'close').then(([code]) => ({
    code: code as number,
    stdout,
    stderr,
    result: () => JSON.parse(stdout) as LoadResult,
  }));
  return { child, done };
}
const run = (source: string, ...args: string[]) => start(source, ...args).done;
const json = (source: string, ...args: string[]) => run(source, ...args, '-o', 'json');

const GET = "import http from 'k6/http';\n";
const scenario = (raw: string, more = '') => `export const options = { scenarios: { s: { ${raw} } } ${more} };\n`;
const ONCE = scenario("executor: 'shared-iterations', iterations: 1");

describe('the load host', () => {
  it('keeps a constant arrival rate', async () => {
    const { code, result } = await json(
      `${GET}${scenario("executor: 'constant-arrival-rate', rate: 100, duration: '3s', preAllocatedVUs: 20", ", thresholds: { http_req_failed: ['rate==0'], iterations: ['count==300'] }")}
      export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
    );
    const r = result();
    // The last timer of the schedule may be due in the same millisecond as the end; one iteration of 300 is the 1 % that is promised.
    expect(Math.abs(r.iterations + r.dropped_iterations - 300)).toBeLessThanOrEqual(3);
    expect(r).toMatchObject({ engine: 'builtin', iterations: 300, failed: 0, requests: 300, dropped_iterations: 0 });
    expect(code).toBe(0);
    expect(requests).toHaveLength(300);
  });

  it('gives every VU its own instance of the script, its own connections, and the globals of k6', async () => {
    const { stderr, code } = await run(
      `${GET}import exec from 'k6/execution';
      ${scenario("executor: 'per-vu-iterations', vus: 3, iterations: 2, env: { WHO: 'me' }, tags: { a: 'b' }")}
      let own = 0;
      export function setup() { return { token: 'abc' }; }
      export default async function (data) {
        own++;
        await http.asyncRequest('GET', __ENV.URL);
        console.log(JSON.stringify([__VU, __ITER, own, data.token, __ENV.WHO, exec.vu.idInTest, exec.scenario.name]));
      }
      export function teardown(data) { console.log('teardown ' + data.token); }`,
    );
    const lines = stderr
      .split('\n')
      .filter((l) => l.startsWith('['))
      .sort();
    expect(lines).toEqual(
      [1, 2, 3].flatMap((vu) => [0, 1].map((i) => JSON.stringify([vu, i, i + 1, 'abc', 'me', vu, 's']))),
    );
    expect(stderr).toContain('teardown abc');
    expect(code).toBe(0);
    expect(sockets).toBe(3);
  });

  it('opens a connection per request with noConnectionReuse', async () => {
    await run(
      `${GET}${scenario("executor: 'shared-iterations', iterations: 5", ', noConnectionReuse: true')}
      export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
    );
    expect(sockets).toBe(5);
  });

  it('answers as k6 answers', async () => {
    const { stderr } = await run(
      `${GET}${ONCE}
      export default async function () {
        const ok = await http.asyncRequest('POST', __ENV.URL + '/redirect?a=1'.slice(0, 9), { a: 1, b: 'x y' }, { headers: { 'X-Own': '1' }, redirects: 0 });
        console.log(JSON.stringify([ok.status, ok.headers.Location, ok.request.body]));
        const followed = await http.asyncRequest('GET', __ENV.URL + '/redirect');
        console.log(JSON.stringify([followed.status, followed.headers['X-Pod'], followed.json().pod, followed.error, followed.error_code, followed.url.endsWith('/')]));
        const missing = await http.asyncRequest('GET', __ENV.URL + '/missing', null, { responseType: 'none' });
        console.log(JSON.stringify([missing.status, missing.body, missing.error_code]));
        const slow = await http.asyncRequest('GET', __ENV.URL + '/hang', null, { timeout: '150ms' });
        console.log(JSON.stringify([slow.status, slow.error, slow.error_code, slow.timings.duration >= 100]));
        const refused = await http.asyncRequest('GET', 'http://127.0.0.1:1/');
        console.log(JSON.stringify([refused.status, refused.error_code]));
      }`,
    );
    expect(stderr.split('\n').filter((l) => l.startsWith('['))).toEqual([
      '[302,"/","a=1&b=x+y"]',
      '[200,"web-1","web-1","",0,true]',
      '[404,null,1404]',
      '[0,"request timeout",1050,true]',
      '[0,1212]',
    ]);
    expect(requests[0]).toMatchObject({
      method: 'POST',
      body: 'a=1&b=x+y',
      headers: { 'x-own': '1', 'content-type': 'application/x-www-form-urlencoded' },
    });
  });

  it('lets an iteration last until its last timer', async () => {
    const { result } = await json(
      `import { Counter } from 'k6/metrics';
      const late = new Counter('late');
      ${ONCE}
      export default function () { setTimeout(() => { late.add(1); setTimeout(() => late.add(1), 50); }, 50); }`,
    );
    const { metrics } = result().summary;
    expect(metrics.late?.values.count).toBe(2);
    expect(metrics.iteration_duration?.values.min).toBeGreaterThanOrEqual(99);
  });

  it('counts checks, writes what handleSummary returns, and fails by its thresholds', async () => {
    const { code, result, stderr } = await json(
      `${GET}import { check } from 'k6';
      ${scenario("executor: 'shared-iterations', iterations: 4", ", thresholds: { checks: ['rate>0.9'], 'http_reqs{kind:a}': ['count==4'] }")}
      let n = 0;
      export default async function () {
        const r = await http.asyncRequest('GET', __ENV.URL, null, { tags: { kind: 'a' } });
        check(r, { even: () => n++ % 2 === 0, ok: (x) => x.status === 200 });
      }
      export function handleSummary(data) { return { 'out/summary.json': JSON.stringify(data), stdout: 'own text' }; }`,
    );
    expect(code).toBe(1);
    expect(result().thresholds.map((t) => [t.metric, t.ok])).toEqual([
      ['checks', false],
      ['http_reqs{kind:a}', true],
    ]);
    const data = JSON.parse(readFileSync(join(dir, 'out/summary.json'), 'utf8')) as LoadResult['summary'];
    expect(data.root_group.checks.map((c) => [c.name, c.path, c.passes, c.fails])).toEqual([
      ['even', '::even', 2, 2],
      ['ok', '::ok', 4, 0],
    ]);
    expect(data.metrics.checks).toMatchObject({
      type: 'rate',
      values: { rate: 0.75, passes: 6, fails: 2 },
      thresholds: { 'rate>0.9': { ok: false } },
    });
    expect(Object.keys(data.metrics.http_req_duration?.values ?? {})).toEqual([
      'avg',
      'min',
      'med',
      'max',
      'p(90)',
      'p(95)',
    ]);
    expect(stderr).toContain('own text');
  });

  it('goes on after an iteration that throws', async () => {
    const { result, stderr, code } = await json(
      `${scenario("executor: 'shared-iterations', iterations: 3")}export default async function () { throw new Error('broken'); }`,
    );
    expect(result().iterations).toBe(3);
    expect(stderr).toContain('Error: broken');
    expect(code).toBe(0);
  });

  it('keeps what it has when interrupted', async () => {
    const { child, done } = start(
      `${GET}${scenario("executor: 'constant-vus', duration: '60s'")}export default async function () { await http.asyncRequest('GET', __ENV.URL); }`,
      '-o',
      'json',
    );
    while (requests.length < 20) await once(server, 'request');
    child.kill('SIGINT');
    const { code, result } = await done;
    expect(code).toBe(130);
    expect(result().iterations).toBeGreaterThanOrEqual(19);
  });

  it('imports modules beside the script', async () => {
    writeFileSync(
      join(dir, 'lib.js'),
      "import http from 'k6/http';\nexport const get = () => http.asyncRequest('GET', __ENV.URL);\n",
    );
    writeFileSync(join(dir, 'data.txt'), 'beside');
    const { result, code, stderr } = await json(
      `import { get } from './lib.js';\nimport { SharedArray } from 'k6/data';\nconst text = open('./data.txt');\nconst list = new SharedArray('l', () => [1, 2]);\n${ONCE}export default async function () { await get(); console.log(text + list.length); }`,
    );
    expect(code).toBe(0);
    expect(result().requests).toBe(1);
    expect(stderr).toContain('beside2');
  });

  it.each([
    ["import ws from 'k6/ws';", 'script.js:1: k6/ws needs k6: the built-in load host has k6, k6/http'],
    ["\nimport x from 'https://jslib.k6.io/x.js';", 'script.js:2: https://jslib.k6.io/x.js is remote, which needs k6'],
    ["import fs from 'node:fs';", 'script.js:1: "node:fs" is no module of k6 and no path'],
    ["import { a } from './gone.js';", 'script.js:1: Module "./gone.js" is not there: give the path of a file'],
    ["\n\nimport { sleep } from 'k6';", 'script.js:3: "sleep" of k6 needs k6: it blocks'],
    ["import { group } from 'k6';", 'script.js:1: "group" of k6 needs k6'],
    ["import { get } from 'k6/http';", 'script.js:1: http.get needs k6: use await http.asyncRequest'],
    ["import { none } from './beside.js';", 'script.js:1: Module ./beside.js has no export "none"'],
    ["import './broken.js';\nimport { a } from './broken.js';", 'broken.js:2: Script does not parse'],
    ['export const options = {\n  rps: 5,\n};', 'script.js:2: Option "rps" needs k6'],
    [
      "export const options = { scenarios: {\n a: { executor: 'ramping-users' } } };",
      'script.js:2: Executor "ramping-users" of scenario "a" is not known: give one of constant-arrival-rate',
    ],
    [
      "export const options = { scenarios: {\n a: {\n executor: 'constant-arrival-rate', duration: '1s', preAllocatedVUs: 1,\n rate: -1 } } };",
      'script.js:4: options.scenarios.a.rate is -1: give a number, 0.001 or more',
    ],
    [
      "export const options = { scenarios: {\n a: { executor: 'constant-arrival-rate', duration: '1s', rate: 1 } } };",
      'script.js:2: options.scenarios.a.preAllocatedVUs is undefined: give a whole number',
    ],
    [
      "export const options = { thresholds: {\n checks: [\n 'p(95)<1'] } };",
      'script.js:3: Threshold "p(95)<1" on checks: a rate has no "p(95)", it has rate',
    ],
    [
      "export const options = { thresholds: {\n requests: ['count>1'] } };",
      'script.js:2: Threshold on "requests": there is no such metric',
    ],
    [
      "\nimport http from 'k6/http'; http.asyncRequest('GET', 'http://x/');",
      'script.js:2: http.asyncRequest cannot be used in the init context',
    ],
    ['\n\n\nthis is no script', 'script.js:4: Script does not parse: Unexpected identifier'],
    [
      "\nconst a = 1;\nthrow new Error('no config for ' + a);",
      'script.js:3: Script fails in its init context, before any request: no config for 1',
    ],
    ["const text = open('./gone.csv');", 'script.js:1: File "./gone.csv" cannot be read (ENOENT)'],
  ])('refuses %j with its place and a cure', async (source, message) => {
    writeFileSync(join(dir, 'beside.js'), 'export const one = 1;\n');
    writeFileSync(join(dir, 'broken.js'), 'export const a = 1;\nlet let = 2;\n');
    const { code, stdout, stderr } = await run(`${source}\nexport default async function () {}`);
    expect(stderr).toContain(`svclab load: ${message}`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('refuses a blocking call when it is made', async () => {
    const { code, stderr } = await run(`${GET}${ONCE}export default function () { http.get(__ENV.URL); }`);
    expect(stderr).toContain("script.js:3: http.get blocks, which needs k6: use await http.asyncRequest('GET', url)");
    expect(code).toBe(2);
  });

  it('refuses a script without its function', async () => {
    const { code, stderr } = await run('export const options = {};');
    expect(stderr).toContain(
      'script.js: Scenario "default" runs "default", which the script does not export as a function: add "export default async function () { ... }"',
    );
    expect(code).toBe(2);
  });
});
