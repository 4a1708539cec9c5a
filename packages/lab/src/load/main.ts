/**
 * The load host as a program: `node main.js SCRIPT.js [--env K=V]... [--out json=FILE] [--progress text|json|none] [-o json|text]`. Runs on
 * the client host where k6 is not installed. Exit codes: 0 all thresholds held, 1 one failed or the script ended the run, 2 the script cannot
 * be run here, 3 inconclusive (iterations dropped, or started too late), 4 the file of samples cannot be written, 130 interrupted.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measuringClock } from '../prober/clock.ts';
import { ScriptError } from './errors.ts';
import { installHooks, LoadHost } from './host.ts';
import { PointFile } from './points.ts';
import { progressText } from './progress.ts';
import { type LoadOutput, loadExit } from './result.ts';

interface LoadArguments {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly json: boolean;
  /** How far it is, on stderr: for people, one JSON object a line, or not at all. */
  readonly progress: 'text' | 'json' | 'none';
  /** File for the samples in k6's format. */
  readonly samples: string | undefined;
}

function parseLoadArguments(argv: readonly string[]): LoadArguments {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    throw new ScriptError((error as Error).message.split('. ')[0] ?? '');
  }
  const { values, positionals } = parsed;
  const [script, ...more] = positionals;
  if (script === undefined || more.length > 0)
    throw new ScriptError(`Give one script, not ${positionals.length}: svclab load loadtest/baseline.js`);
  const env: Record<string, string> = {};
  for (const pair of values.env ?? []) {
    const at = pair.indexOf('=');
    if (at < 1) throw new ScriptError(`--env does not take "${pair}": give NAME=VALUE`);
    env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  const { progress = 'text', out } = values;
  if (progress !== 'text' && progress !== 'json' && progress !== 'none')
    throw new ScriptError(`--progress does not take "${progress}": give text, json or none`);
  if (out !== undefined && !/^json=./.test(out))
    throw new ScriptError(`--out does not take "${out}": give json=FILE, other outputs need k6`);
  return {
    script: resolve(script),
    env,
    json: values.output === 'json',
    progress,
    samples: out === undefined ? undefined : resolve(out.slice('json='.length)),
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      env: { type: 'string', multiple: true, short: 'e' },
      output: { type: 'string', short: 'o' },
      progress: { type: 'string' },
      out: { type: 'string' },
    },
  });
}

function write(output: LoadOutput, json: boolean): void {
  for (const [to, content] of Object.entries(output.files)) {
    // With -o json stdout belongs to the result.
    if (to === 'stdout') (json ? process.stderr : process.stdout).write(content);
    else if (to === 'stderr') process.stderr.write(content);
    else {
      mkdirSync(dirname(resolve(to)), { recursive: true });
      writeFileSync(to, content);
    }
  }
  if (json) process.stdout.write(`${JSON.stringify(output.result)}\n`);
}

/** k6 prints a script's console to stderr; stdout is data. */
function consoleToStderr(): void {
  const { Console } = console;
  globalThis.console = new Console(process.stderr, process.stderr);
}

async function main(): Promise<number> {
  const args = parseLoadArguments(process.argv.slice(2));
  consoleToStderr();
  // A promise a script left alone fails its iteration in k6; here it must not end the run.
  process.on('unhandledRejection', (error) =>
    process.stderr.write(`Unhandled rejection: ${String((error as Error)?.stack ?? error)}\n`),
  );
  installHooks();
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort());
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const points = args.samples === undefined ? undefined : new PointFile(args.samples, measuringClock.wall);
  const output = await new LoadHost({
    script: args.script,
    env: args.env,
    clock: measuringClock,
    random: { next: () => randomInt(2 ** 47) / 2 ** 47 },
    signal: interrupt.signal,
    log: say,
    progress: (line) => {
      points?.flush();
      if (args.progress !== 'none') say(args.progress === 'json' ? JSON.stringify(line) : progressText(line));
    },
    onSample: points?.add,
    isStdOutTTY: process.stdout.isTTY === true,
    isStdErrTTY: process.stderr.isTTY === true,
  }).run();
  await points?.close();
  const { result } = output;
  write(output, args.json);
  if (result.failure !== '') say(`svclab load: ${result.failure}`);
  const interrupted = interrupt.signal.aborted;
  if (!interrupted) for (const reason of result.inconclusive) say(`svclab load: inconclusive: ${reason}`);
  const failed = result.failure !== '' || result.thresholds.some((t) => !t.ok);
  return loadExit({ interrupted, inconclusive: result.inconclusive, failed });
}

main().then(
  (code) => {
    process.exitCode = code;
    // Connections that a script left open must not hold the program.
    process.stdout.write('', () => process.exit(code));
  },
  (error: unknown) => {
    const known = error instanceof ScriptError;
    process.stderr.write(`svclab load: ${known ? error.message : String((error as Error).stack)}\n`);
    process.exit(known ? 2 : 4);
  },
);
