/** The Docker CLI as a library: one place that runs it and turns what it says into errors a user can mend. */
import { spawn, spawnSync } from 'node:child_process';
import { environmentError } from '../state/errors.ts';

/** How a call ended. */
export interface DockerResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Oldest engine whose health checks know `start_interval` (API 1.44). */
const OLDEST_ENGINE = 25;

/** Runs `docker ARGS`. Fails with a LabError (environment) when there is no such program. */
export function docker(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; onLine?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<DockerResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', [...args], {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => void child.kill('SIGTERM');
    options.signal?.addEventListener('abort', kill, { once: true });
    let stdout = '';
    let stderr = '';
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
    child.once('error', (error: NodeJS.ErrnoException) => reject(notRunnable(error)));
    child.once('close', (code, name) => {
      options.signal?.removeEventListener('abort', kill);
      resolve({ code: code ?? (name ? 130 : 1), stdout, stderr });
    });
  });
}

/** As {@link docker}, but fails with a LabError unless it exits 0. Returns what it printed, without the last line's end. */
export async function dockerOk(args: readonly string[], what: string): Promise<string> {
  const done = await docker(args);
  if (done.code !== 0) throw environmentError(`${what}: ${explain(done.stderr)}`);
  return done.stdout.trimEnd();
}

function notRunnable(error: NodeJS.ErrnoException): Error {
  return environmentError(
    error.code === 'ENOENT'
      ? 'Program docker is not on the PATH: install Docker (docs.docker.com/engine/install), or use --driver netns'
      : `Program docker cannot be run: ${error.message}`,
    error,
  );
}

/** Fails with a LabError (environment) unless an engine of 25 or later answers, and Compose v2 is there. Takes one call of each. */
export function requireDocker(): void {
  const version = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  if (version.error) throw notRunnable(version.error);
  if (version.status !== 0) throw environmentError(unreachable(version.stderr));
  const found = version.stdout.trim();
  const problem = engineProblem(found);
  if (problem !== undefined) throw environmentError(problem);
  const compose = spawnSync('docker', ['compose', 'version', '--short'], { encoding: 'utf8', timeout: 15_000 });
  const composed = composeProblem(compose.status, compose.stdout ?? '');
  if (composed !== undefined) throw environmentError(composed);
}

/** What is wrong with an engine of this version; undefined when nothing is. */
export function engineProblem(version: string): string | undefined {
  const major = Number(/^(\d+)\./.exec(version)?.[1]);
  if (Number.isNaN(major))
    return `Docker engine tells no version that is understood ("${version}"): 25 or later is needed`;
  if (major >= OLDEST_ENGINE) return undefined;
  return `Docker engine ${version} is too old: health checks with start_interval need ${OLDEST_ENGINE} or later`;
}

/** What is wrong with a Compose that answered so; undefined when nothing is. */
export function composeProblem(status: number | null, version: string): string | undefined {
  if (status !== 0)
    return 'Docker Compose v2 is missing: install the plugin docker-compose-plugin ("docker compose version" must answer; the old docker-compose does not do)';
  const [major = 0, minor = 0] = version.trim().replace(/^v/, '').split('.').map(Number);
  if (major > 2 || (major === 2 && minor >= 20)) return undefined;
  return `Docker Compose ${version.trim()} is too old: start_interval needs 2.20 or later`;
}

function unreachable(stderr: string): string {
  const reason = /permission denied/i.test(stderr)
    ? 'you may not use its socket: add your user to the group docker, or run as root'
    : 'start it, or point DOCKER_HOST or "docker context use" at one that runs';
  return `Docker engine cannot be reached: ${reason} (${explain(stderr)})`;
}

/** The last words of Docker, without what precedes them on the line. */
export function explain(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((l) => l.trim())
    .filter((l) => l !== '' && !/^(Container|Network|Volume|Image) \S+\s+\S+$/.test(l));
  return lines[lines.length - 1]?.replace(/^Error response from daemon: /, '') ?? 'it said nothing';
}

/** Why `docker compose up` failed, in words that name the setting to change. */
export function explainUp(
  stderr: string,
  settings: { apiPort: number; lan: string; control: string; image: string },
): string {
  const last = explain(stderr);
  if (/pool overlaps|overlaps with other one|networks have overlapping|failed to allocate gateway/i.test(stderr))
    return `A network of Docker has addresses of ${settings.lan}.0/24, ${settings.control}.0/24 or the network after it already: choose others with --lan and --control (for instance --lan 172.31.0 --control 172.31.1), or remove that network (${last})`;
  if (/port is already allocated|address already in use|failed to bind host port/i.test(stderr))
    return `Port ${settings.apiPort} of 127.0.0.1 is taken: give another with --api-port, or 0 for a free one (${last})`;
  if (
    /pull access denied|manifest unknown|not found|no such image|repository does not exist|unable to get image|failed to resolve/i.test(
      stderr,
    )
  )
    return `Image ${settings.image} cannot be had: build it with "docker compose -f compose/compose.yaml build" in the checkout, or set SVCLAB_IMAGE (${last})`;
  return `Docker Compose could not bring the lab up: ${last}`;
}
