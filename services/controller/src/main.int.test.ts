/** The controller as a process: real store, inherited socket, kill -9. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LabConfig, resolveKnobs } from '@svclab/core';
import { createPki } from '@svclab/runtime';
import { type NatsTestServer, startNats } from '@svclab/testkit';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'controller-'));
/** Below node_modules, so that what is not bundled (the FFI) resolves. */
const cacheDir = join(import.meta.dirname, '../../../node_modules/.cache');
mkdirSync(cacheDir, { recursive: true });
const programDir = mkdtempSync(join(cacheDir, 'controller-'));
const program = join(programDir, 'controller.mjs');
const ready = join(dir, 'controller.ready');
let nats: NatsTestServer;
let port = 0;
let running = 0;
let holder: ChildProcess | undefined;
let ca: string;
let output = '';

beforeAll(async () => {
  nats = await startNats();
  ca = await createPki(dir, { names: ['localhost'], ips: ['127.0.0.1'], token: 'secret' });
  const lab: LabConfig = {
    name: 'test',
    driver: 'netns',
    profile: 'fast',
    domain: 'cluster.local',
    lanCIDR: '172.30.0.0/24',
    controlCIDR: '172.30.1.0/24',
    podCIDR: '10.244.0.0/16',
    podNetwork: 'direct',
    metrics: false,
    serviceCIDR: '10.96.0.0/16',
    dnsIP: '10.96.0.10',
    nodePorts: { min: 30000, max: 32767 },
    hosts: [{ name: 'controller-1', role: 'controller', controlIP: '127.0.0.1' }],
    natsServers: [nats.url],
    knobs: resolveKnobs('fast'),
  };
  writeFileSync(join(dir, 'lab.json'), JSON.stringify(lab));
  await build({
    entryPoints: [join(import.meta.dirname, 'main.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['svclab-source'],
    external: ['koffi'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  await startHolder();
});

afterAll(async () => {
  if (running > 0) process.kill(running, 'SIGKILL');
  holder?.stdin?.end();
  await nats.stop();
  rmSync(dir, { recursive: true, force: true });
  rmSync(programDir, { recursive: true, force: true });
});

/** Holds the listening socket as fd 3 without taking connections from it, and runs the controller once for each line it is sent. */
const HOLDER = 'while read -r line; do "$0" "$1" </dev/null; echo "exit-code $?"; done';

async function startHolder(): Promise<void> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  port = (listener.address() as AddressInfo).port;
  const { fd } = (listener as unknown as { _handle: { fd: number } })._handle;
  holder = spawn('sh', ['-c', HOLDER, process.execPath, program], {
    stdio: ['pipe', 'pipe', 'pipe', fd],
    env: {
      SVCLAB_CONFIG: join(dir, 'lab.json'),
      SVCLAB_HOST: 'controller-1',
      SVCLAB_BUS_USER: 'controller',
      SVCLAB_BUS_PASSWORD: 'x',
      SVCLAB_TOKEN: 'x',
      SVCLAB_RUN_DIR: dir,
      SVCLAB_PKI_DIR: dir,
      SVCLAB_API_FD: '3',
    },
  });
  for (const stream of [holder.stdout, holder.stderr])
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  listener.close();
}

/** Starts the controller; resolves with its pid once it is ready. */
async function start(): Promise<number> {
  rmSync(ready, { force: true });
  output = '';
  holder?.stdin?.write('go\n');
  await until(() => existsSync(ready) && readFileSync(ready, 'utf8').endsWith('\n'));
  return Number(readFileSync(ready, 'utf8'));
}

/** Ends the controller; resolves with its exit code as the shell tells it. */
async function stop(pid: number, signal: NodeJS.Signals): Promise<number> {
  process.kill(pid, signal);
  await until(() => /exit-code \d+/.test(output));
  return Number(/exit-code (\d+)/.exec(output)?.[1]);
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline || holder?.exitCode !== null) throw new Error(`It did not come true: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function call(method: string, path: string, body?: unknown): Promise<{ code: number; body: Record<string, never> }> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = { authorization: 'Bearer secret', 'content-type': 'application/json', 'content-length': text.length };
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, method, ca, headers, agent: false }, (res) => {
      let answer = '';
      res.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      res.on('end', () => resolve({ code: res.statusCode ?? 0, body: JSON.parse(answer) }));
    });
    req.on('error', reject);
    req.end(text);
  });
}

describe('the controller', () => {
  it('serves on an inherited socket, survives kill -9 with its objects, and stops cleanly', async () => {
    running = await start();
    const spec = { type: 'NodePort', ports: [{ port: 80 }] };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec };
    const made = await call('POST', '/api/v1/namespaces/default/services', service);
    expect(made.code).toBe(201);
    expect(await stop(running, 'SIGKILL')).toBe(137);
    running = await start();
    const found = await call('GET', '/api/v1/namespaces/default/services/web');
    expect(found.body).toEqual(made.body);
    const again = await call('POST', '/api/v1/namespaces/default/services', {
      ...service,
      metadata: { name: 'two' },
      spec: { ports: [{ port: 80 }], clusterIP: (made.body as { spec: { clusterIP: string } }).spec.clusterIP },
    });
    expect(again.code).toBe(422);
    expect(await stop(running, 'SIGTERM')).toBe(0);
    running = 0;
    expect(existsSync(ready)).toBe(false);
  });

  it('refuses a configuration it cannot use with exit code 2', async () => {
    const broken = spawn(process.execPath, [program], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {},
    });
    let text = '';
    broken.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const code = await new Promise((resolve) => broken.once('close', resolve));
    expect(code).toBe(2);
    expect(text).toContain('SVCLAB_CONFIG is missing');
  });
});
