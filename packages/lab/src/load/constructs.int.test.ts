/** Constructs of k6, each against what k6's documentation says of it. */
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
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'svclab-load-'));
  sockets = 0;
  server = createServer((request, response) => {
    if (request.url === '/hang') return;
    const status = Number(/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200);
    response.writeHead(status, request.url === '/cookie' ? { 'set-cookie': 'a=b' } : {}).end('body');
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

const HEAD = `import http from 'k6/http';
import { check, fail } from 'k6';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
const get = (path = '/', params = {}) => http.asyncRequest('GET', __ENV.URL + path, null, params);
const say = (...values) => console.log('say ' + JSON.stringify(values));
`;

/** Runs a script; `said` are its own lines. */
async function load(options: string, body: string, args: readonly string[] = ['-o', 'json']) {
  const script = join(dir, 'script.js');
  writeFileSync(script, `${HEAD}export const options = { ${options} };\n${body}`);
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
  const [code] = await once(child, 'close');
  const said = stderr.split('\n').flatMap((line) => (line.startsWith('say ') ? [JSON.parse(line.slice(4))] : []));
  const value = (metric: string, key: string) =>
    (JSON.parse(stdout) as LoadResult).summary.metrics[metric]?.values[key];
  return { code: code as number, stdout, stderr, said, value, result: () => JSON.parse(stdout) as LoadResult };
}

const DEFAULT = 'export default async function () { await get(); }\n';

describe('life cycle', () => {
  it('does not call teardown when setup failed', async () => {
    const { code, stderr, said } = await load(
      'iterations: 1',
      `export async function setup() {\n await get();\n fail('no such Service');\n}\nexport function teardown() { say('teardown'); }\n${DEFAULT}`,
    );
    expect(stderr).toContain('svclab load: script.js:10: setup() failed: no such Service');
    expect(said).toEqual([]);
    expect(code).toBe(2);
  });

  it('ends a setup that takes longer than setupTimeout', async () => {
    const { code, stderr } = await load(
      "iterations: 1, setupTimeout: '200ms'",
      `export async function setup() { await get('/hang'); }\n${DEFAULT}`,
    );
    expect(stderr).toContain('setup() did not end within 200 ms (option setupTimeout)');
    expect(code).toBe(2);
  });

  it("hands setup's data on as JSON, a copy for everyone", async () => {
    const { said } = await load(
      "scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 2 } }",
      `export function setup() { return { list: [1], fn: () => 1, when: new Date(0) }; }
      export default function (data) { say(data.list.length, typeof data.fn, data.when); data.list.push(2); }
      export function teardown(data) { say('teardown', data.list.length); }`,
    );
    const epoch = '1970-01-01T00:00:00.000Z';
    expect(said.filter(([first]) => first === 1)).toEqual([
      [1, 'undefined', epoch],
      [1, 'undefined', epoch],
    ]);
    expect(said.filter(([first]) => first === 2)).toHaveLength(2);
    expect(said.at(-1)).toEqual(['teardown', 1]);
  });

  it('tags what setup and teardown ask with their group', async () => {
    const { value } = await load(
      "iterations: 3, thresholds: { 'http_reqs{group:::setup}': ['count==1'], 'http_reqs{group:::teardown}': ['count==2'] }",
      `export async function setup() { await get(); }\nexport async function teardown() { await get(); await get(); }\n${DEFAULT}`,
    );
    expect(value('http_reqs{group:::setup}', 'count')).toBe(1);
    expect(value('http_reqs{group:::teardown}', 'count')).toBe(2);
    expect(value('http_reqs', 'count')).toBe(6);
  });

  it('prints the usual summary when handleSummary throws', async () => {
    const { stdout, stderr, code } = await load(
      "iterations: 1, summaryTimeUnit: 's', summaryTrendStats: ['p(99.9)', 'count']",
      `export function handleSummary() { throw new Error('no'); }\n${DEFAULT}`,
      ['-o', 'text'],
    );
    expect(stderr).toContain('handleSummary() failed, so this is the usual summary: Error: no');
    expect(stdout).toMatch(/http_req_duration +p\(99\.9\)=0(\.\d+)? s count=1$/m);
    expect(code).toBe(0);
  });

  it('writes what handleSummary names', async () => {
    await load(
      'iterations: 2',
      `export function handleSummary(data) { return { 'a/b.txt': String(data.metrics.iterations.values.count), stdout: 'x' }; }\n${DEFAULT}`,
    );
    expect(readFileSync(join(dir, 'a/b.txt'), 'utf8')).toBe('2');
  });
});

describe('scenarios', () => {
  it('begin at their startTime, each with its own function, environment and tags', async () => {
    const { said, value } = await load(
      `scenarios: {
        first: { executor: 'shared-iterations', iterations: 2, exec: 'one', env: { WHO: 'first' }, tags: { kind: 'a' } },
        second: { executor: 'per-vu-iterations', vus: 2, exec: 'two', startTime: '400ms', env: { WHO: 'second' }, tags: { kind: 'b' } },
      }, tags: { run: 'r' }, thresholds: { 'http_reqs{kind:a}': ['count==2'], 'http_reqs{kind:b,run:r}': ['count==2'], 'http_reqs{scenario:second}': ['count==2'] }`,
      `export const one = async () => { await get(); say(__ENV.WHO, exec.scenario.name, exec.scenario.executor, exec.instance.currentTestRunDuration); };
      export const two = async () => { await get(); say(__ENV.WHO, exec.scenario.name, exec.scenario.executor, exec.instance.currentTestRunDuration); };`,
    );
    expect(said.map((s) => s.slice(0, 3))).toEqual([
      ['first', 'first', 'shared-iterations'],
      ['first', 'first', 'shared-iterations'],
      ['second', 'second', 'per-vu-iterations'],
      ['second', 'second', 'per-vu-iterations'],
    ]);
    for (const [who, , , at] of said) if (who === 'second') expect(at).toBeGreaterThanOrEqual(400);
    for (const metric of ['http_reqs{kind:a}', 'http_reqs{kind:b,run:r}', 'http_reqs{scenario:second}'])
      expect(value(metric, 'count')).toBe(2);
  });

  it('break off at the end of gracefulStop, and what was broken off counts for nothing', async () => {
    const { result } = await load(
      "scenarios: { s: { executor: 'constant-vus', vus: 3, duration: '300ms', gracefulStop: '200ms' } }",
      "export default async function () { await get('/hang'); }",
    );
    expect(result()).toMatchObject({ iterations: 0, interrupted_iterations: 3, requests: 0, failed: 0 });
    expect(result().duration_ms).toBeGreaterThanOrEqual(500);
  });
});

describe('k6/execution', () => {
  it('numbers iterations and virtual users', async () => {
    const { said } = await load(
      "scenarios: { s: { executor: 'shared-iterations', vus: 2, iterations: 6 } }",
      `export default async function () { await get(); say(exec.scenario.iterationInTest, exec.vu.idInTest, exec.vu.idInInstance, exec.vu.iterationInScenario, __VU, __ITER, exec.scenario.progress, exec.instance.vusInitialized); }`,
    );
    expect(said.map(([n]) => n).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const vu of [1, 2]) {
      const own = said.filter(([, id]) => id === vu);
      expect(own.map(([, , instance, iteration, number, iter]) => [instance, iteration, number, iter])).toEqual(
        own.map((_, i) => [vu, i, vu, i]),
      );
    }
    for (const line of said) {
      expect(line[6]).toBeGreaterThanOrEqual(0);
      expect(line[6]).toBeLessThanOrEqual(1);
      expect(line[7]).toBe(2);
    }
  });

  it("puts the virtual user's tags on what it does", async () => {
    const { value } = await load(
      "iterations: 4, thresholds: { 'http_reqs{half:second}': ['count==2'], 'checks{half:second}': ['rate==1'] }",
      `export default async function () {
        if (exec.scenario.iterationInTest === 2) exec.vu.metrics.tags.half = 'second';
        check(await get(), { ok: (r) => r.status === 200 });
      }`,
    );
    expect(value('http_reqs{half:second}', 'count')).toBe(2);
    expect(value('checks{half:second}', 'passes')).toBe(2);
  });

  it('ends the test by test.abort, after teardown, and fails it', async () => {
    const { code, said, stderr, result } = await load(
      "scenarios: { s: { executor: 'constant-vus', vus: 1, duration: '60s' } }",
      `export default async function () { await get(); exec.test.abort('seen enough'); }
      export function teardown() { say('teardown'); }`,
    );
    expect(stderr).toContain('svclab load: seen enough');
    expect(said).toEqual([['teardown']]);
    expect(result().requests).toBe(1);
    expect(code).toBe(1);
  });

  it('lets the test go on after test.fail, and fails it', async () => {
    const { code, result } = await load(
      'iterations: 3',
      "export default async function () { await get(); exec.test.fail('wrong'); }",
    );
    expect(result()).toMatchObject({ iterations: 3, failure: 'wrong' });
    expect(code).toBe(1);
  });

  it('has the options as they are', async () => {
    const { said } = await load(
      "iterations: 1, userAgent: 'me'",
      'export default function () { say(exec.test.options.userAgent, exec.test.options.scenarios.default.executor); }',
    );
    expect(said).toEqual([['me', 'shared-iterations']]);
  });

  it.each(['exec.vu.idInTest', 'exec.scenario.name', 'exec.instance.vusActive', 'exec.test.options'])(
    'has no %s in the init context',
    async (what) => {
      const { code, stderr } = await load('iterations: 1', `const early = ${what};\n${DEFAULT}`);
      expect(stderr).toContain(
        `script.js:8: ${what.split('.', what.includes('options') ? 3 : 2).join('.')} cannot be used in the init context`,
      );
      expect(code).toBe(2);
    },
  );
});

describe('thresholds', () => {
  it('end the run by abortOnFail, but not before delayAbortEval', async () => {
    const { code, stderr, result } = await load(
      "scenarios: { s: { executor: 'constant-arrival-rate', rate: 20, duration: '60s', preAllocatedVUs: 20 } }, thresholds: { http_req_failed: [{ threshold: 'rate<0.5', abortOnFail: true, delayAbortEval: '1500ms' }] }",
      "export default async function () { await get('/status/500'); }",
    );
    expect(stderr).toContain('threshold http_req_failed: rate<0.5 failed and ends the run');
    expect(result().duration_ms).toBeGreaterThanOrEqual(1500);
    expect(result().requests).toBeLessThan(1200);
    expect([1, 3]).toContain(code);
  });

  it('have percentiles between the two nearest values', async () => {
    const { value } = await load(
      "iterations: 1, summaryTrendStats: ['min', 'med', 'avg', 'max', 'p(25)', 'p(90)', 'count'], thresholds: { own: ['p(90)==37', 'med==25'] }",
      "import { Trend } from 'k6/metrics';\nconst own = new Trend('own');\nexport default function () { for (const v of [40, 10, 20, 30]) own.add(v); }",
    );
    expect(['min', 'p(25)', 'med', 'avg', 'p(90)', 'max', 'count'].map((key) => value('own', key))).toEqual([
      10, 17.5, 25, 25, 37, 40, 4,
    ]);
  });
});

describe('requests', () => {
  it.each([
    ['', '', 1],
    ['noVUConnectionReuse: true', '', 3],
    ['noConnectionReuse: true', '', 6],
    ['', "{ headers: { Connection: 'close' } }", 6],
  ])('with %j and %j take %d connections', async (options, params, connections) => {
    const { code } = await load(
      `iterations: 3${options ? `, ${options}` : ''}`,
      `export default async function () { for (let i = 0; i < 2; i++) await get('/'${params ? `, ${params}` : ''}); }`,
    );
    expect(code).toBe(0);
    expect(sockets).toBe(connections);
  });

  it('are sent once more when the server ended the kept connection under them, and not when it was a new one', async () => {
    let served = 0;
    server.removeAllListeners('request');
    const used = new WeakSet<object>();
    server.on('request', (request, response) => {
      served++;
      if (request.url === '/never' || used.has(request.socket)) request.socket.destroy();
      else {
        used.add(request.socket);
        response.end('ok');
      }
    });
    const { said, result } = await load(
      'iterations: 1',
      `export default async function () {
        await get();
        say((await get()).status);
        say((await get()).status);
        say((await get('/never')).error_code);
      }`,
    );
    expect(said).toEqual([[200], [200], [1220]]);
    // Three on connections of their own, two in vain on kept ones, and /never twice: kept, then new.
    expect(served).toBe(7);
    expect(result()).toMatchObject({ requests: 4, failed: 1 });
  });

  it('have no body with discardResponseBodies, unless they ask for it', async () => {
    const { said } = await load(
      'iterations: 1, discardResponseBodies: true',
      "export default async function () { say((await get()).body, (await get('/', { responseType: 'text' })).body); }",
    );
    expect(said).toEqual([[null, 'body']]);
  });

  it('fail by what the script expects', async () => {
    const { said, value } = await load(
      "iterations: 1, thresholds: { 'http_req_failed{step:a}': ['rate==1'], 'http_req_failed{step:b}': ['rate==0'], 'http_req_failed{step:c}': ['rate==1'], 'http_req_failed{expected_response:true}': ['rate==0'] }",
      `export default async function () {
        await get('/status/404', { tags: { step: 'a' } });
        await get('/status/404', { tags: { step: 'b' }, responseCallback: http.expectedStatuses({ min: 400, max: 499 }) });
        await get('/status/200', { tags: { step: 'c' }, responseCallback: http.expectedStatuses(204) });
        http.setResponseCallback(null);
        const last = await get('/status/503');
        say(last.error_code, last.status_text);
      }`,
    );
    expect(said).toEqual([[1503, '503 Service Unavailable']]);
    expect(['a', 'b', 'c'].map((step) => value(`http_req_failed{step:${step}}`, 'rate'))).toEqual([1, 0, 1]);
    // Without a callback nothing is counted as failed or not.
    expect((value('http_req_failed', 'passes') ?? 0) + (value('http_req_failed', 'fails') ?? 0)).toBe(3);
    expect(value('http_reqs', 'count')).toBe(4);
  });

  it('are named by http.url, by their tag, or by their address', async () => {
    const { value } = await load(
      "iterations: 1, thresholds: { 'http_reqs{name:own}': ['count==1'], 'http_reqs{kind:x}': ['count==2'] }",
      `export default async function () {
        await get('/a', { tags: { name: 'own' } });
        for (const id of [1, 2]) await http.asyncRequest('GET', http.url\`\${__ENV.URL}/item/\${id}\`, null, { tags: { kind: 'x' } });
      }`,
    );
    expect(value('http_reqs{name:own}', 'count')).toBe(1);
    expect(value('http_reqs{kind:x}', 'count')).toBe(2);
  });

  it('carry the system tags that are asked for', async () => {
    const { value } = await load(
      "iterations: 1, systemTags: ['status'], thresholds: { 'http_reqs{status:200}': ['count==1'], 'http_reqs{method:GET}': ['count==0'], 'http_reqs{scenario:default}': ['count==0'] }",
      DEFAULT,
    );
    expect(['status:200', 'method:GET', 'scenario:default'].map((tag) => value(`http_reqs{${tag}}`, 'count'))).toEqual([
      1, 0, 0,
    ]);
  });

  it('take a number as milliseconds of time-out', async () => {
    const { said } = await load(
      'iterations: 1',
      "export default async function () { const r = await get('/hang', { timeout: 120 }); say(r.status, r.error_code, r.timings.duration < 60000); }",
    );
    expect(said).toEqual([[0, 1050, true]]);
  });

  it('resolve names, and say when there is none', async () => {
    const { said } = await load(
      "iterations: 1, dns: { ttl: '0', select: 'first', policy: 'onlyIPv4' }",
      "export default async function () { const r = await http.asyncRequest('GET', __ENV.URL.replace('127.0.0.1', 'localhost')); say(r.status, r.remote_ip); }",
    );
    expect(said).toEqual([[200, '127.0.0.1']]);
  });

  it('say once that cookies are not sent back', async () => {
    const { stderr } = await load(
      "scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 2 } }",
      "export default async function () { await get('/cookie'); }",
    );
    expect(stderr.match(/An answer set a cookie/g)).toHaveLength(1);
  });

  it.each([
    ["http.batch([['GET', __ENV.URL]])", "http.batch blocks, which needs k6: use await http.asyncRequest('GET', url)"],
    ['http.cookieJar()', 'http.cookieJar needs k6'],
    ["await http.asyncRequest('GET', __ENV.URL, null, { cookies: {} })", 'Request parameter "cookies" needs k6'],
    ["(await get()).json('a.b')", 'response.json(selector) needs k6'],
    ["await http.asyncRequest('GET', 'ftp://x/')", '"ftp://x/" is no http or https URL'],
    ['exec.vu.metrics.metadata', 'exec.vu.metrics.metadata needs k6'],
  ])('refuse %s by name, with its line', async (call, message) => {
    const { code, stderr } = await load('iterations: 1', `export default async function () {\n  ${call};\n}`);
    expect(stderr).toContain(`svclab load: script.js:9: ${message}`);
    expect(code).toBe(2);
  });
});
