/** Load on the client host: real k6 where it is installed, our own host for k6 scripts where it is not. */
import { accessSync, constants, createReadStream, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LabConnection, LabPrograms } from '../client/connect.ts';
import type { Driver } from '../client/open.ts';
import { type LoadProgress, parseProgress, progressText } from '../load/progress.ts';
import { inconclusiveReasons, type LoadResult, loadExit } from '../load/result.ts';
import { badInput, type ExitCode, environmentError, LabError } from '../state/errors.ts';
import { fetchFile, remotePath, startOnClient } from './client-host.ts';
import { addPoint, followSamples } from './k6-samples.ts';

/** What makes the load. Every report names it. */
export type LoadEngine = 'k6' | 'builtin';

/** Figures of a load run, the same from either engine. */
export interface LoadFigures {
  readonly engine: LoadEngine;
  readonly script: string;
  readonly iterations: number;
  /** Requests without an answer or with an unexpected status. */
  readonly failed: number;
  readonly requests: number;
  /** Iterations that found no free virtual user: any makes the run inconclusive. */
  readonly dropped_iterations: number;
  /** How late iterations were started, p99; null from k6, which does not say. Above `LATENESS_BOUND_MS` the run is inconclusive. */
  readonly lateness_p99_ms: number | null;
  /** Why the load says nothing about the server (dropped, late); empty when it does. */
  readonly inconclusive: readonly string[];
  /** As `svclab load` ends. */
  readonly exit_code: ExitCode;
}

/** Whether a program is on the PATH. */
export function onPath(program: string, path: string): boolean {
  return path.split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return statSync(join(dir, program)).isFile();
    } catch {
      return false;
    }
  });
}

/** The engine to use. Fails with a LabError when k6 is asked for and not there. */
export function chooseEngine(asked: 'auto' | LoadEngine, path: string, driver: Driver = 'netns'): LoadEngine {
  if (asked === 'builtin') return asked;
  if (driver === 'docker') {
    if (asked === 'k6')
      throw environmentError(
        'The client container has no k6: use --engine builtin, or "docker compose -f compose/compose.yaml --profile k6 run --rm k6"',
      );
    return 'builtin';
  }
  if (onPath('k6', path)) return 'k6';
  if (asked === 'k6')
    throw environmentError('Program k6 is not on the PATH: install it (grafana.com/docs/k6), or use --engine builtin');
  return 'builtin';
}

/** A load to run. */
export interface LoadRequest {
  readonly engine: LoadEngine;
  /** Absolute path of the script. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the file for the samples, in k6's JSON format from either engine. Without one the built-in host writes none. */
  readonly samples?: string;
}

/** The command that runs it on the client host; its files are there already. `form` is for the built-in host: what a program or a person reads. */
export function loadCommand(
  request: LoadRequest,
  programs: Pick<LabPrograms, 'loadHost'>,
  form: 'json' | 'text' = 'json',
): string[] {
  const env = Object.entries(request.env).flatMap(([k, v]) => ['--env', `${k}=${v}`]);
  const out = request.samples === undefined ? [] : ['--out', `json=${request.samples}`];
  return request.engine === 'k6'
    ? ['k6', 'run', '--quiet', '--no-color', ...out, ...env, request.script]
    : [...programs.loadHost, request.script, ...env, ...out, '--progress', form, '-o', form];
}

/** How the built-in host's own last words begin. */
const OWN_WORDS = 'svclab load: ';

/** A running load. */
export interface RunningLoad {
  /** Rejects with a LabError when the script cannot be run. */
  readonly done: Promise<LoadFigures>;
  interrupt(): void;
}

/**
 * Starts a load on the client host, whose copy of the script is ready (`sendScript`). `onProgress` hears once a second how far it is; `onLine`
 * gets what else the engine says, and progress as text where nobody hears it otherwise.
 */
export function startLoad(
  lab: LabConnection,
  request: LoadRequest,
  onLine: (line: string) => void = () => {},
  onProgress: (progress: LoadProgress) => void = (progress) => onLine(progressText(progress)),
): RunningLoad {
  const samples = request.samples === undefined ? undefined : remotePath(lab, request.samples);
  const talk: string[] = [];
  const command = loadCommand({ ...request, ...(samples === undefined ? {} : { samples }) }, lab.programs);
  const program = startOnClient(lab, command, (line) => {
    const progress = parseProgress(line);
    if (progress) onProgress(progress);
    else {
      talk.push(line);
      // What the host says of its own end comes with the end: a script that cannot be run is told once, by the error.
      if (!line.startsWith(OWN_WORDS)) onLine(line);
    }
  });
  const follower =
    request.engine === 'k6' && samples !== undefined && lab.local ? followSamples(samples, onProgress) : undefined;
  const done = program.done.then(async ({ code, stdout, stderr }) => {
    follower?.();
    const said = talk.slice(-20).join('\n') || stderr;
    const exit = request.engine === 'k6' ? exitOfK6(code) : (code as ExitCode);
    if (exit === 2) throw badInput((said.split('\n').pop() ?? said).replace(OWN_WORDS, ''));
    if (exit === 4) throw new LabError(`Load by ${request.engine} ended with code ${code}: ${said}`, 4);
    for (const line of talk) if (line.startsWith(OWN_WORDS)) onLine(line);
    if (samples !== undefined && request.samples !== undefined) await fetchFile(lab, samples, request.samples);
    return request.engine === 'k6' ? figuresOfK6(request, exit) : figuresOfHost(stdout, exit);
  });
  done.catch(() => {});
  return { done, interrupt: program.interrupt };
}

/**
 * k6's exit codes in ours: 99 thresholds, 108 and 110 test aborted or marked as failed, 105 interrupted, 104 and 107 a bad script,
 * 100 and 101 `setup` or `teardown` that did not end in time.
 */
export function exitOfK6(code: number): ExitCode {
  if (code === 0) return 0;
  if (code === 99 || code === 108 || code === 110) return 1;
  if (code === 104 || code === 107 || code === 100 || code === 101) return 2;
  return code === 105 || code === 130 ? 130 : 4;
}

function figuresOfHost(stdout: string, exit: ExitCode): LoadFigures {
  const result = JSON.parse(stdout) as LoadResult;
  const { engine, script, iterations, failed, requests, dropped_iterations, lateness_p99_ms, inconclusive } = result;
  const counts = { iterations, failed, requests, dropped_iterations };
  return { engine, script, ...counts, lateness_p99_ms, inconclusive, exit_code: exit };
}

/** Counts k6's samples (`--out json`: one JSON object a line, the same in every version). Dropped iterations make it inconclusive. */
export async function figuresOfK6(request: LoadRequest, exit: ExitCode): Promise<LoadFigures> {
  if (request.samples === undefined) throw new LabError('Load by k6 has no file of samples to count', 4);
  const sums: Record<string, number> = {};
  for await (const line of createInterface({ input: createReadStream(request.samples) })) addPoint(sums, line);
  const dropped = sums.dropped_iterations ?? 0;
  const inconclusive = inconclusiveReasons({ dropped_iterations: dropped, lateness_p99_ms: null });
  return {
    engine: 'k6',
    script: request.script,
    iterations: sums.iterations ?? 0,
    failed: sums.http_req_failed ?? 0,
    requests: sums.http_reqs ?? 0,
    dropped_iterations: dropped,
    lateness_p99_ms: null,
    inconclusive,
    exit_code: exit === 0 || exit === 1 ? loadExit({ interrupted: false, inconclusive, failed: exit === 1 }) : exit,
  };
}
