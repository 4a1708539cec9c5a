// The figures of docs/results.md: node test/bench/main.mjs [up|failover|path|services|delete|docker|load]... (all without an argument).
// Prints a Markdown table on stdout and talks on stderr. Every figure comes with its spread; the machine is named.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spread } from '../../packages/core/dist/index.js';
import {
  captureOnHost,
  chooseEngine,
  down,
  kubectl,
  LATENESS_BOUND_MS,
  prepare,
  readApi,
  readScenario,
  readTimeline,
  runScenarioFile,
  stateRoot,
  up,
} from '../../packages/lab/dist/index.js';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const NAME = 'bench';
const root = stateRoot(process.env);
const dir = mkdtempSync(join(tmpdir(), 'svclab-bench-'));
const abort = new AbortController();
process.on('SIGINT', () => abort.abort());
const { signal } = abort;
const say = (line) => process.stderr.write(`${line}\n`);
const rows = [];
const row = (what, figure, spreadText, note = '') => rows.push([what, figure, spreadText, note]);
const between = (values, unit, digits = 0) => {
  const s = spread(values);
  const f = (v) => v.toFixed(digits);
  return [`${f(s.p50)} ${unit}`, `${f(s.min)} to ${f(s.max)} ${unit}, n=${s.n}`];
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what, look) {
  const deadline = performance.now() + 120_000;
  for (;;) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not come about in 120 s`);
    await pause(20);
  }
}

const labRequest = (profile) => ({
  root,
  name: NAME,
  driver: 'netns',
  nodes: 3,
  profile,
  set: {},
  apiPort: 0,
  timeoutMs: 60_000,
  progress: () => {},
  signal,
});

/** A lab with the shop in it; `use` gets it and its VIP. */
async function withShop(
  use,
  manifests = [join(CHECKOUT, 'examples/shop')],
  service = { namespace: 'shop', name: 'frontend' },
) {
  let lab;
  try {
    const ready = await prepare({ ...labRequest('fast'), manifests, service, dir, progress: say }, (l) => {
      lab = l;
    });
    await use(ready.lab, ready.vip);
  } finally {
    lab?.close();
    if (lab) await down(root, NAME);
  }
}

/** PSS of all the lab's processes, MB. */
async function memory(lab) {
  const { processes } = await lab.service.status({});
  return (processes.reduce((sum, p) => sum + Number(p.pssKib), 0) * 1024) / 1e6;
}

async function benchUp() {
  const times = [];
  const sizes = [];
  for (let i = 0; i < 6; i++) {
    const began = performance.now();
    const lab = await up(labRequest('fast'));
    // The first one warms the page cache.
    if (i > 0) times.push(performance.now() - began);
    await pause(2000);
    sizes.push(await memory(lab));
    lab.close();
    await down(root, NAME);
  }
  row('`up`, 3 nodes, warm', ...between(times, 'ms'));
  row('memory of an empty lab (PSS of all processes)', ...between(sizes, 'MB'));
  await withShop(async (lab) => row('memory with the example shop', `${(await memory(lab)).toFixed(0)} MB`, 'n=1'));
}

async function benchFailover() {
  const { report } = await runScenarioFile({
    scenario: readScenario(join(CHECKOUT, 'loadtest/scenarios/vip-failover.yaml')),
    name: NAME,
    driver: 'netns',
    root,
    repeats: 20,
    engine: chooseEngine('auto', process.env.PATH ?? ''),
    dir,
    keep: false,
    signal,
    progress: say,
  });
  const d = report.dark_ms.new;
  row(
    'VIP dark after a power-off of its owner, `fast`',
    `p50 ${d.p50} ms, p95 ${d.p95} ms, max ${d.max} ms`,
    `min ${d.min} ms, n=${d.n}`,
    `baseline: ${report.baseline.lost} of ${report.baseline.sent} lost`,
  );
  const p = report.phases_ms;
  row(
    'of which detection / election / announcement / first success (p50)',
    `${p.detection.p50} / ${p.election.p50} / ${p.announcement.p50} / ${p.first_success.p50} ms`,
    `max ${p.detection.max} / ${p.election.max} / ${p.announcement.max} / ${p.first_success.max} ms`,
  );
  const removed = report.runs.map((r) => Math.max(...Object.values(r.endpoints_removed_ms))).filter(Number.isFinite);
  row("dead node's endpoints out of every node's rules", ...between(removed, 'ms'));
}

const SINGLE = `
apiVersion: v1
kind: List
items:
- {apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: default, namespace: metallb-system}, spec: {addresses: [172.30.0.200-172.30.0.250]}}
- {apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: default, namespace: metallb-system}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: one, namespace: default}
  spec:
    replicas: 1
    selector: {matchLabels: {app: one}}
    template:
      metadata: {labels: {app: one}}
      spec: {containers: [{name: web, image: "nginx:alpine", ports: [{containerPort: 80}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: one, namespace: default}
  spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: one}, ports: [{port: 80}]}
`;

/** Through the VIP against straight to the pod: policy Local, so both take the same wire and only the translation differs. */
async function benchPath() {
  const manifest = join(dir, 'one.yaml');
  writeFileSync(manifest, SINGLE);
  await withShop(
    async (lab, vip) => {
      const { api } = await lab.service.status({ skipMemory: true });
      const { items } = await readApi(lab, api, '/api/v1/namespaces/default/pods');
      const pod = items.find((p) => p.metadata.labels?.app === 'one').status;
      await captureOnHost(lab, { host: 'client-1', command: ['ip', 'route', 'replace', pod.podIP, 'via', pod.hostIP] });
      const ways = { vip: [], direct: [] };
      for (let i = 0; i < 7; i++)
        for (const [way, url] of [
          ['vip', vip.url],
          ['direct', `http://${pod.podIP}/`],
        ]) {
          const run = await captureOnHost(lab, {
            host: 'client-1',
            command: [
              ...lab.programs.loadHost,
              join(CHECKOUT, 'loadtest/throughput.js'),
              '--env',
              `URL=${url}`,
              '--env',
              'DURATION=3s',
              '-o',
              'json',
            ],
          });
          const { summary } = JSON.parse(run.stdout);
          if (i > 0)
            ways[way].push({
              rps: summary.metrics.http_reqs.values.rate,
              p99: summary.metrics.http_req_duration.values['p(99)'],
            });
          say(`${way}: ${Math.round(summary.metrics.http_reqs.values.rate)}/s`);
        }
      row(
        'requests/s through the VIP',
        ...between(
          ways.vip.map((w) => w.rps),
          '/s',
        ),
      );
      row(
        'requests/s straight to the pod',
        ...between(
          ways.direct.map((w) => w.rps),
          '/s',
        ),
      );
      row(
        'ratio VIP / direct, pairs in turn',
        ...between(
          ways.vip.map((w, i) => w.rps / ways.direct[i].rps),
          '',
          3,
        ),
      );
      row(
        'p99 through the VIP',
        ...between(
          ways.vip.map((w) => w.p99),
          'ms',
          2,
        ),
      );
      row(
        'p99 straight to the pod',
        ...between(
          ways.direct.map((w) => w.p99),
          'ms',
          2,
        ),
      );
    },
    [manifest],
    { namespace: 'default', name: 'one' },
  );
}

/** The largest of some BigInts, which Math.max does not take. */
function latest(values) {
  let most = 0n;
  for (const v of values) if (v > most) most = v;
  return most;
}

/** Highest revision each node's kernel holds, from the timeline. */
async function programmed(lab, sinceNs, revision) {
  const at = {};
  for (const e of await readTimeline(lab, sinceNs))
    if (e.type === 'rules.programmed' && BigInt(e.attrs.revision ?? 0) >= revision && at[e.node] === undefined)
      at[e.node] = e.atNs;
  return Object.keys(at).length === 3 ? at : undefined;
}

const services = (from, to) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: Array.from({ length: to - from }, (_, i) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${from + i}`, namespace: 'shop' },
      spec: { selector: { app: 'frontend' }, ports: [{ port: 80 }] },
    })),
  });

async function firstPacket(lab, url) {
  const run = await captureOnHost(lab, {
    host: 'client-1',
    command: [...lab.programs.prober, url, '--interval', '5ms', '--duration', '10s', '-o', 'json'],
  });
  return JSON.parse(run.stdout).latency_ms.new.raw;
}

async function benchServices() {
  await withShop(async (lab, vip) => {
    const url = vip.url.replace(/\/$/, '/healthz');
    const { api } = await lab.service.status({ skipMemory: true });
    const add = async (from, to) => {
      const file = join(dir, `services-${to}.json`);
      writeFileSync(file, services(from, to));
      const sinceNs = process.hrtime.bigint();
      await kubectl(lab, ['apply', '-f', file], signal);
      const applied = process.hrtime.bigint();
      const { items } = await readApi(lab, api, '/api/v1/namespaces/shop/services');
      const revision = latest(items.map((s) => BigInt(s.metadata.resourceVersion)));
      const at = await until(`${to} Services in all kernels`, () => programmed(lab, sinceNs, revision));
      const last = latest(Object.values(at));
      return { applyMs: Number(applied - sinceNs) / 1e6, behindMs: Math.max(0, Number(last - applied) / 1e6) };
    };
    await add(0, 10);
    const few = await firstPacket(lab, url);
    const { applyMs, behindMs } = await add(10, 1000);
    row('1,000 Services: `kubectl apply` of 990', `${(applyMs / 1000).toFixed(1)} s`, 'n=1');
    row('... and after it until all 3 kernels hold them', `${behindMs.toFixed(0)} ms`, 'n=1');
    const many = await firstPacket(lab, url);
    row(
      'new connection through the VIP, 10 Services',
      `p50 ${few.p50} ms, p99 ${few.p99} ms`,
      `max ${few.max} ms, n=2000`,
    );
    row(
      'new connection through the VIP, 1,000 Services',
      `p50 ${many.p50} ms, p99 ${many.p99} ms`,
      `max ${many.max} ms, n=2000`,
    );
    row('memory with 1,000 Services', `${(await memory(lab)).toFixed(0)} MB`, 'n=1');
  });
}

async function benchDelete() {
  await withShop(async (lab) => {
    const { api } = await lab.service.status({ skipMemory: true });
    const times = [];
    for (let i = 0; i < 10; i++) {
      const pods = await until('3 ready frontends', async () => {
        const { items } = await readApi(lab, api, '/api/v1/namespaces/shop/pods?labelSelector=app%3Dfrontend');
        const live = items.filter(
          (p) =>
            !p.metadata.deletionTimestamp &&
            p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
        );
        return live.length === 3 ? live : undefined;
      });
      const victim = pods[i % 3].metadata.name;
      const sinceNs = process.hrtime.bigint();
      await kubectl(lab, ['-n', 'shop', 'delete', 'pod', victim, '--wait=false'], signal);
      const last = await until('its rules gone', async () => {
        const events = await readTimeline(lab, sinceNs);
        const change = events.find(
          (e) =>
            e.type === 'endpoints.changed' &&
            (e.attrs.removed ?? '').split(',').some((n) => n.split('/').pop() === victim),
        );
        const at = change && (await programmed(lab, sinceNs, BigInt(change.attrs.revision)));
        return at && latest(Object.values(at));
      });
      times.push(Number(last - sinceNs) / 1e6);
    }
    row('`kubectl delete pod` to rules gone on all nodes (kubectl itself included)', ...between(times, 'ms'));
  });
}

/** One owner's power-off and return after another, `n` times, with a driver. */
async function ownerKills(driver, n) {
  const file = join(dir, 'kills.yaml');
  const text = readFileSync(join(CHECKOUT, 'loadtest/scenarios/vip-failover.yaml'), 'utf8')
    .replaceAll('../../', `${CHECKOUT}`)
    .replaceAll('../', `${join(CHECKOUT, 'loadtest')}/`)
    .replace('duration: 3s', 'duration: 1s')
    .replace('at: 3s', 'at: 1s')
    .replace('after: 3s', 'after: 2s')
    .replace('recovery: 3s', 'recovery: 2s');
  writeFileSync(file, text);
  const { report } = await runScenarioFile({
    scenario: readScenario(file),
    name: `${NAME}-kills`,
    driver,
    root,
    repeats: n,
    engine: 'builtin',
    dir,
    keep: false,
    signal,
    progress: say,
  });
  return report;
}

/** The figures of the lab in Docker, and the dark time of both drivers from one run of the bench. */
async function benchDocker() {
  const compose = ['compose', '-f', join(CHECKOUT, 'compose/compose.yaml'), '-p', `${NAME}-up`];
  const dockerRun = (...args) => execFileSync('docker', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  let began = performance.now();
  dockerRun(...compose, 'build', '--quiet', '--no-cache');
  row('build of the image, no cache', `${((performance.now() - began) / 1000).toFixed(0)} s`, 'n=1');
  const image = dockerRun(...compose, 'config', '--images').split('\n')[0];
  row('image', `${(Number(dockerRun('image', 'inspect', '-f', '{{.Size}}', image)) / 1e6).toFixed(0)} MB`, '');
  const times = [];
  const sizes = new Map();
  for (let i = 0; i < 6; i++) {
    began = performance.now();
    dockerRun(...compose, 'up', '--wait');
    if (i > 0) times.push(performance.now() - began);
    await pause(3000);
    for (const line of dockerRun('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}').trim().split('\n')) {
      const [, host, text] = /-up-([a-z]+)\S* ([\d.]+)MiB/.exec(line) ?? [];
      if (host) sizes.set(host, [...(sizes.get(host) ?? []), Number(text) * 1.048576]);
    }
    dockerRun(...compose, 'down', '-v', '-t', '2');
  }
  row('`docker compose up --wait`, 3 nodes, warm', ...between(times, 'ms'));
  for (const [host, values] of [...sizes].sort()) row(`memory of a container: ${host}`, ...between(values, 'MB'));
  for (const [driver, n] of [
    ['netns', 15],
    ['docker', 30],
  ]) {
    const { dark_ms: dark, phases_ms: p, baseline } = await ownerKills(driver, n);
    const d = dark.new;
    row(
      `VIP dark after a power-off of its owner, \`fast\`, ${driver}`,
      `p50 ${d.p50} ms, p95 ${d.p95} ms, max ${d.max} ms`,
      `min ${d.min} ms, n=${d.n}`,
      `detection ${p.detection.p50} ms; baseline: ${baseline.lost} of ${baseline.sent} lost`,
    );
  }
}

/** Answers as fast as Node.js does, in a process of its own; prints its port. */
const ANSWERER =
  "const s = require('node:http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1', () => console.log(s.address().port));";
const LOAD_SECONDS = 4;
/** Rates of `load`, requests/s; LOAD_RATES=200,1000 for others. */
const loadRates = (process.env.LOAD_RATES ?? '50,200,500,1000,2000,3000,4000').split(',').map(Number);

/** One run of the built-in load host at a rate. */
function loadAt(rate, url, script) {
  const host = join(CHECKOUT, 'dist/programs/load/main.js');
  const env = { URL: url, RATE: rate, DURATION: `${LOAD_SECONDS}s`, TIMEOUT_MS: 200 };
  const pairs = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [host, join(CHECKOUT, 'loadtest', script), ...pairs, '--progress', 'none', '-o', 'json'],
      { maxBuffer: 1 << 26 },
      (error, stdout, stderr) => (stdout === '' ? reject(error ?? new Error(stderr)) : resolve(JSON.parse(stdout))),
    );
  });
}

/** The rate the built-in load host keeps, and how late it is: one process against a server that costs next to nothing. */
async function benchLoad() {
  const server = spawn(process.execPath, ['-e', ANSWERER], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await new Promise((resolve) => server.stdout.once('data', (chunk) => resolve(Number(chunk))));
    const held = {};
    const cpu = {};
    for (const [script, conn] of [
      ['baseline.js', 'kept connections'],
      ['vip-failover.js', 'a connection per request'],
    ])
      for (const rate of loadRates) {
        const runs = [];
        for (let i = 0; i < 5; i++) runs.push(await loadAt(rate, `http://127.0.0.1:${port}/`, script));
        cpu[conn] = [...(cpu[conn] ?? []), ...runs.map((r) => r.cpu_ms / r.iterations)];
        const ratios = runs.map((r) => r.iterations / (rate * LOAD_SECONDS));
        const late = runs.map((r) => r.lateness_p99_ms);
        const holds = ratios.every((r) => Math.abs(r - 1) <= 0.01) && late.every((ms) => ms <= LATENESS_BOUND_MS);
        if (holds) held[conn] = rate;
        const [ratio, spreadText] = between(ratios, '', 3);
        row(
          `load host at ${rate}/s, ${conn}: iterations made / asked for`,
          ratio,
          spreadText,
          `lateness p99 ${between(late, 'ms', 1).join(', ')}; load of the machine ${loadavg()[0].toFixed(1)}`,
        );
        say(rows.at(-1).join(' | '));
        if (!holds && rate > 1000) break;
      }
    for (const [conn, ms] of Object.entries(cpu))
      row(`CPU the load host takes for an iteration, ${conn}`, ...between(ms, 'ms', 2));
    for (const [conn, rate] of Object.entries(held))
      row(`highest rate kept within 1 %, late by ${LATENESS_BOUND_MS} ms at most (p99), ${conn}`, `${rate}/s`, 'n=5');
  } finally {
    server.kill();
  }
}

const BENCHES = {
  up: benchUp,
  failover: benchFailover,
  path: benchPath,
  services: benchServices,
  delete: benchDelete,
  docker: benchDocker,
  load: benchLoad,
};
const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  say(`Benchmark "${unknown}" is not known: give some of ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
try {
  for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHES)) {
    say(`== ${name}`);
    await BENCHES[name]();
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const version = (program, ...args) => {
  try {
    return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
      .split('\n')[0];
  } catch {
    return `${program} absent`;
  }
};
const cpu = cpus();
process.stdout.write(
  [
    `Machine: ${cpu.length} x ${cpu[0]?.model.trim()}, ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}, Node.js ${process.version}, ${version('nats-server', '--version')}, ${version('nft', '--version')}.`,
    '',
    '| what | median | spread | note |',
    '|---|---|---|---|',
    ...rows.map((r) => `| ${r.map((c) => c ?? '').join(' | ')} |`),
    '',
  ].join('\n'),
);
