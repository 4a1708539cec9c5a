import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How to start a server. */
export interface NatsTestOptions {
  /** Makes the text of nats.conf; by default JetStream on disk and no users. */
  readonly config?: (at: { listen: string; storeDir: string }) => string;
  /** Program to run; by default `SVCLAB_NATS_SERVER`, then `nats-server` on PATH or in /usr/sbin. */
  readonly program?: string;
  /** Port to listen on; by default a free one. */
  readonly port?: number;
}

/** How to start servers that belong together. */
export interface NatsClusterTestOptions extends Pick<NatsTestOptions, 'program'> {
  /** Makes the text of the `i`-th server's nats.conf, from 0. `routes` are the `ip:port` of all servers' cluster listeners. */
  readonly config: (
    i: number,
    at: { listen: string; storeDir: string; serverName: string; cluster: string; routes: readonly string[] },
  ) => string;
}

/** Starts three servers that form a cluster; resolves when all take connections (the cluster itself may take some seconds more). */
export async function startNatsCluster(options: NatsClusterTestOptions): Promise<readonly NatsTestServer[]> {
  const { config, ...rest } = options;
  const routes = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const ports = await freePorts(3);
  return Promise.all(
    routes.map((cluster, i) =>
      startNats({
        ...rest,
        port: ports[i] ?? 0,
        config: (at) => config(i, { ...at, serverName: `nats-${i + 1}`, cluster, routes }),
      }),
    ),
  );
}

/** A real nats-server with a directory of its own under the system's temporary directory. */
export interface NatsTestServer {
  /** `nats://127.0.0.1:PORT`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** Sends a signal to the server. With SIGKILL or SIGTERM it resolves when the process is gone. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Writes another configuration and has the running server read it (SIGHUP); resolves when it has. */
  reload(config: (at: { listen: string; storeDir: string }) => string): Promise<void>;
  /** Starts it again on the same port and, unless wiped, the same files. */
  start(options?: { wipe?: boolean }): Promise<void>;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Starts a server and waits until it takes connections. */
export async function startNats(options: NatsTestOptions = {}): Promise<NatsTestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'svclab-nats-'));
  const storeDir = join(folder, 'jetstream');
  const port = options.port ?? (await freePorts(1))[0] ?? 0;
  const config = (options.config ?? defaultConfig)({ listen: `127.0.0.1:${port}`, storeDir });
  const file = join(folder, 'nats.conf');
  writeFileSync(file, config, { mode: 0o600 });
  const log = join(folder, 'nats.log');
  const program = options.program ?? process.env.SVCLAB_NATS_SERVER ?? 'nats-server';
  let child: ChildProcess | undefined;

  const start = async (how: { wipe?: boolean } = {}): Promise<void> => {
    if (how.wipe) rmSync(storeDir, { recursive: true, force: true });
    const started = spawn(program, ['-c', file, '-l', log], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    });
    child = started;
    const failed = new Promise<never>((_, reject) => {
      started.once('error', reject);
      started.once('exit', (code) => {
        let tail = '';
        try {
          tail = readFileSync(log, 'utf8').slice(-2000);
        } catch {
          // It ended before it had a log.
        }
        reject(new Error(`nats-server ended with ${code}: ${tail}`));
      });
    });
    failed.catch(() => undefined);
    await Promise.race([reachable(port), failed]);
  };
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const target = child;
    if (!target || target.exitCode !== null || target.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => target.once('exit', () => resolve()));
    target.kill(name);
    if (name === 'SIGKILL' || name === 'SIGTERM') await gone;
  };

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    storeDir,
    signal,
    start,
    async reload(next) {
      const before = reloads(log);
      writeFileSync(file, next({ listen: `127.0.0.1:${port}`, storeDir }), { mode: 0o600 });
      await signal('SIGHUP');
      while (reloads(log) === before) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      await signal('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How often the server has said that it read its configuration anew. Fails with what it said when it could not. */
function reloads(log: string): number {
  const text = readFileSync(log, 'utf8');
  const failure = /Failed to reload.*/.exec(text)?.[0];
  if (failure) throw new Error(`nats-server did not take the configuration: ${failure}`);
  return text.split('Reloaded server configuration').length - 1;
}

function defaultConfig(at: { listen: string; storeDir: string }): string {
  return `listen: "${at.listen}"\nserver_name: "nats-test"\njetstream { store_dir: "${at.storeDir}" }\n`;
}

/** Different ports that nobody listens on. */
async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, holdPort));
  await Promise.all(held.map(({ release }) => release()));
  return held.map(({ port }) => port);
}

function holdPort(): Promise<{ port: number; release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({ port, release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

/** Resolves when a connection gets the server's INFO line. */
async function reachable(port: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' });
      const end = (value: boolean): void => {
        socket.destroy();
        resolve(value);
      };
      socket.once('data', (data) => end(data.toString().startsWith('INFO')));
      socket.once('error', () => end(false));
      socket.once('close', () => end(false));
    });
    if (greeted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nats-server does not answer on port ${port}`);
}
