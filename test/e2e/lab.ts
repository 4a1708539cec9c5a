/** A lab for a test: brought up by the CLI alone, used by the CLI and kubectl alone, always brought down. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;

/** How a program ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `svclab probe -o json` prints for one kind of connection. */
export interface ProbeSide {
  readonly sent: number;
  readonly ok: number;
  readonly lost: number;
  readonly longest_gap_ms: number;
  readonly loss_derived_ms: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** What `svclab probe -o json` prints. */
export interface ProbeReport {
  readonly interval_ms: number;
  readonly sent: number;
  readonly lateness_p99_ms: number;
  readonly new: ProbeSide;
  readonly reused: ProbeSide;
  /** Pod -> requests it answered. */
  readonly backends: Readonly<Record<'new' | 'reused', Readonly<Record<string, number>>>>;
}

/** One request, as `svclab probe --samples` writes it; times are CLOCK_MONOTONIC nanoseconds as decimal text. */
export interface ProbeSample {
  readonly kind: 'new' | 'reused';
  readonly sentNs: string;
  readonly doneNs: string;
  readonly outcome: string;
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { env: options.env ?? process.env, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 128) : 0;
        resolve({ code, stdout, stderr });
      },
    );
    // A program that ends without reading its input is no failure.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Polls `condition` until it is true; fails with `what` when it has not become so within `withinMs` (a generous deadline, not a measurement). */
export async function until(what: string, condition: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await condition()) return;
    if (performance.now() > deadline) throw new Error(`Gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

let counter = 0;

/** A name no other lab of this machine has. */
export function uniqueName(prefix = 'e2e'): string {
  counter += 1;
  return `${prefix}-${process.pid}-${counter}`;
}

/** Runs the CLI. `stateDir` keeps the labs of a test apart from the user's. */
export function svclab(args: readonly string[], stateDir: string, input?: string): Promise<Result> {
  return run(process.execPath, [CLI, ...args], {
    env: { ...process.env, SVCLAB_STATE_DIR: stateDir },
    ...(input === undefined ? {} : { input }),
  });
}

/** Driver of the labs of this run: the same tests hold for both. */
const DRIVER = process.env.SVCLAB_TEST_DRIVER === 'docker' ? 'docker' : 'netns';

/** A running lab. */
export class Lab {
  readonly name: string;
  readonly driver: 'netns' | 'docker';
  readonly stateDir: string;
  #kubeconfig = '';

  private constructor(name: string, stateDir: string, driver: 'netns' | 'docker' = DRIVER) {
    this.name = name;
    this.stateDir = stateDir;
    this.driver = driver;
  }

  /** Brings a lab up and waits until it is ready. Fails with what `up` said. */
  static async up(args: readonly string[] = []): Promise<Lab> {
    const lab = new Lab(uniqueName(), mkdtempSync(join(tmpdir(), 'svc-')));
    const port = DRIVER === 'docker' ? ['--api-port', '0'] : [];
    const result = await lab.cli('up', '--profile', 'fast', ...port, ...args);
    if (result.code !== 0) {
      rmSync(lab.stateDir, { recursive: true, force: true });
      throw new Error(`svclab up exits ${result.code}: ${result.stderr}`);
    }
    lab.#kubeconfig = (await lab.ok('kubeconfig')).trim();
    return lab;
  }

  /** A composed lab that somebody else brought up. */
  static async attach(name: string, stateDir: string): Promise<Lab> {
    const lab = new Lab(name, stateDir, 'docker');
    lab.#kubeconfig = (await lab.ok('kubeconfig')).trim();
    return lab;
  }

  /** The options that say which lab is meant. */
  get ref(): string[] {
    return ['--name', this.name, '--driver', this.driver];
  }

  /** Runs `svclab COMMAND --name NAME --driver DRIVER ARGS`, where COMMAND may be of two words (`node add`); what follows `--` stays behind it. */
  cli(command: string, ...args: string[]): Promise<Result> {
    return svclab([...command.split(' '), ...this.ref, ...args], this.stateDir);
  }

  /** As {@link cli}, but fails unless it exits 0. Returns stdout. */
  async ok(command: string, ...args: string[]): Promise<string> {
    const result = await this.cli(command, ...args);
    if (result.code !== 0)
      throw new Error(`svclab ${command} ${args.join(' ')} exits ${result.code}: ${result.stderr}`);
    return result.stdout;
  }

  /** Runs kubectl against the lab. */
  kubectl(args: readonly string[], input?: string): Promise<Result> {
    return run('kubectl', args, {
      env: { ...process.env, KUBECONFIG: this.#kubeconfig },
      ...(input === undefined ? {} : { input }),
    });
  }

  /** As {@link kubectl}, but fails unless it exits 0. Returns stdout. */
  async kube(args: readonly string[], input?: string): Promise<string> {
    const result = await this.kubectl(args, input);
    if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')} exits ${result.code}: ${result.stderr}`);
    return result.stdout;
  }

  /** Runs a program on the client host. */
  client(...command: string[]): Promise<Result> {
    return this.cli('client', '--', ...command);
  }

  /** Starts a program on the client host and leaves it running; the caller ends it. */
  startClient(...command: string[]): ChildProcess {
    return spawn(process.execPath, [CLI, 'client', ...this.ref, '--', ...command], {
      env: { ...process.env, SVCLAB_STATE_DIR: this.stateDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Probes `url` for `seconds` while `during` runs, and returns the report. `during` starts when the first second of probing has passed. */
  async probe(url: string, seconds: number, during: () => Promise<void>): Promise<ProbeReport> {
    const report = this.ok('probe', url, '--interval', '10ms', '--duration', `${seconds}s`, '-o', 'json');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await during();
    return JSON.parse(await report) as ProbeReport;
  }

  /**
   * Probes `url` while `during` runs, however long that takes, and from a second before it to a second after. Returns the report and every
   * request. One that is lost on its way is sent again after a second and counts as lost; a pod that waits for a CPU gets nearly as long.
   */
  async probeWhile(
    url: string,
    during: () => Promise<void>,
  ): Promise<{ report: ProbeReport; samples: readonly ProbeSample[] }> {
    const file = join(this.stateDir, 'samples.jsonl');
    const args = [
      'probe',
      url,
      ...this.ref,
      '--interval',
      '10ms',
      '--timeout',
      '900ms',
      '--samples',
      file,
      '-o',
      'json',
    ];
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { ...process.env, SVCLAB_STATE_DIR: this.stateDir },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let report = '';
    child.stdout.on('data', (chunk: Buffer) => {
      report += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const second = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1000));
    try {
      await second();
      await during();
      await second();
    } finally {
      child.kill('SIGINT');
      await ended;
    }
    const samples = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ProbeSample);
    return { report: JSON.parse(report) as ProbeReport, samples };
  }

  /** Applies a pool that covers the LAN's upper addresses, announced on layer 2. */
  async pool(range = '172.30.0.200-172.30.0.250'): Promise<void> {
    await this.apply(
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'IPAddressPool',
        metadata: { name: 'default', namespace: 'metallb-system' },
        spec: { addresses: [range] },
      },
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'L2Advertisement',
        metadata: { name: 'all', namespace: 'metallb-system' },
      },
    );
  }

  /** Applies objects with kubectl. */
  async apply(...items: unknown[]): Promise<void> {
    await this.kube(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /** Applies a Deployment and a LoadBalancer Service of the same name, waits for both, and returns the external address. */
  async web(name: string, replicas = 3, service: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const labels = { app: name };
    await this.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [
                {
                  name: 'web',
                  image: 'nginx:alpine',
                  ports: [{ name: 'http', containerPort: 80 }],
                  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 80, targetPort: 'http' }], ...service },
      },
    );
    await this.kube(['rollout', 'status', `deploy/${name}`, '--timeout=60s']);
    let ip = '';
    await until(`service ${name} has an external address`, async () => {
      ip = await this.kube(['get', 'svc', name, '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}']);
      return ip !== '';
    });
    await until(
      `http://${ip}/ answers the client`,
      async () => (await this.client('curl', '-s', '-o', '/dev/null', '-m', '1', `http://${ip}/`)).code === 0,
    );
    return ip;
  }

  /** The client host's interface on the LAN: Docker names interfaces in an order of its own. */
  async clientInterface(): Promise<string> {
    const { stdout } = await this.client('ip', '-br', '-4', 'address');
    return (
      stdout
        .split('\n')
        .find((line) => line.includes('172.30.0.101/'))
        ?.split(/[@\s]/)[0] ?? ''
    );
  }

  /** Name of the node that owns a Service's address. */
  async owner(service: string): Promise<string> {
    const vips = JSON.parse(await this.ok('vip', service, '-o', 'json')) as { owner: string }[];
    return vips[0]?.owner ?? '';
  }

  /** Names of the nodes. */
  async nodes(): Promise<string[]> {
    return (await this.kube(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
  }

  /** Ends the lab and removes its state. */
  async down(): Promise<void> {
    await this.cli('down');
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
