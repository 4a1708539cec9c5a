/** The API server over a store in memory, in this process, and the real kubectl against it. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveKnobs } from '@svclab/core';
import { createPki, NO_METRICS, seededRandom, systemClock, writeKubeconfig } from '@svclab/runtime';
import { memoryStore } from '@svclab/testkit';
import type { PodStreams } from '../../services/controller/src/api/pod-streams.ts';
import { startApiServer } from '../../services/controller/src/api/server.ts';
import { openRegistry } from '../../services/controller/src/registry/open-registry.ts';
import type { Registry } from '../../services/controller/src/registry/registry.ts';

/** What a program left. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The server, its registry, and kubectl. */
export interface ApiUnderTest {
  readonly registry: Registry;
  readonly url: string;
  readonly token: string;
  readonly ca: string;
  readonly env: NodeJS.ProcessEnv;
  kubectl(args: readonly string[], input?: string, env?: Readonly<Record<string, string>>): Promise<Outcome>;
  /** kubectl whose output is given to `onOutput` as it comes; `stop` ends it. */
  follow(
    args: readonly string[],
    onOutput: (stdout: string) => void,
  ): { readonly done: Promise<Outcome>; stop(): void };
  close(): Promise<void>;
}

const silent = { info() {}, warn() {}, error() {}, debug() {} };

/** Starts the API on a free port of 127.0.0.1. */
export async function startApi(streams: PodStreams): Promise<ApiUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'api-'));
  const token = randomUUID();
  const ca = await createPki(dir, { names: ['localhost'], ips: ['127.0.0.1'], token });
  const { store, cache } = memoryStore({ clock: systemClock });
  const lab = {
    serviceCIDR: '10.96.0.0/16',
    nodePorts: { min: 30000, max: 32767 },
    dnsIP: '10.96.0.10',
    knobs: resolveKnobs('realistic'),
  };
  const registry = await openRegistry({
    store,
    cache,
    clock: systemClock,
    random: seededRandom(1),
    uuid: randomUUID,
    lab,
  });
  const server = await startApiServer({
    registry,
    clock: systemClock,
    log: silent,
    pki: { key: readFileSync(join(dir, 'api.key'), 'utf8'), cert: readFileSync(join(dir, 'api.crt'), 'utf8'), token },
    streams,
    metrics: NO_METRICS,
    listen: { host: '127.0.0.1', port: 0 },
  });
  const url = `https://127.0.0.1:${server.port}`;
  const kubeconfig = join(dir, 'kubeconfig');
  writeKubeconfig(kubeconfig, { server: url, caPem: ca, token, name: 'test' });
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: dir };
  const follow: ApiUnderTest['follow'] = (args, onOutput) => run(env, args, undefined, onOutput);
  return {
    registry,
    url,
    token,
    ca,
    env,
    kubectl: (args, input, more) => run({ ...env, ...more }, args, input, () => undefined).done,
    follow,
    async close() {
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function run(
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  input: string | undefined,
  onOutput: (stdout: string) => void,
) {
  const child = spawn('kubectl', [...args], { env, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(stdout);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(input ?? '');
  const done = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { done, stop: () => void child.kill('SIGINT') };
}
