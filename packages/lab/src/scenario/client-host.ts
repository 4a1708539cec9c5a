/** Our measuring programs on the lab's client host. */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { LabConnection } from '../client/connect.ts';
import { captureOnHost, startOnHost } from '../client/exec.ts';
import { badInput, environmentError } from '../state/errors.ts';

/** A program that runs on the client host. */
export interface ClientProgram {
  /** Resolves when it has ended; never rejects. */
  readonly done: Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  /** Asks it to end early and say what it has (SIGINT). */
  interrupt(): void;
}

/** Name of the client host. Fails with a LabError when the lab has none. */
export function clientHost(lab: LabConnection): string {
  const host = lab.config.hosts.find((h) => h.role === 'client')?.name;
  if (host === undefined) throw environmentError(`Lab ${lab.name} has no client host`);
  return host;
}

/** Where a file of this machine is on the client host while a program there writes it. */
export function remotePath(lab: LabConnection, path: string): string {
  return lab.local ? path : join(lab.programs.scratch, `svclab-${process.pid}-${basename(path)}`);
}

/** Brings a file from the client host (or another, `on`) to where it is wanted, and removes it there. Fails with a LabError when it is not there. */
export async function fetchFile(lab: LabConnection, from: string, to: string, on?: string): Promise<void> {
  if (lab.local) return;
  const host = on ?? clientHost(lab);
  const { code, stdout, stderr } = await captureOnHost(lab, { host, command: ['cat', from] });
  if (code !== 0) throw environmentError(`File ${from} of the client host cannot be read: ${stderr.trim()}`);
  writeFileSync(to, stdout);
  await captureOnHost(lab, { host, command: ['rm', '-f', from] });
}

/** Kinds of files a load script may open or import. */
const SCRIPT_FILES = /\.(js|mjs|json|csv|txt)$/;
/** Most that goes to the client host with a script, bytes. */
const SCRIPT_LIMIT = 16 << 20;

/** Puts a script with what lies beside it onto the client host; returns its path there. Fails with a LabError when that is too much. */
export async function sendScript(lab: LabConnection, script: string): Promise<string> {
  if (lab.local) return script;
  const dir = dirname(script);
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && SCRIPT_FILES.test(f.name) && !f.parentPath.includes('node_modules'))
    .map((f) => relative(dir, join(f.parentPath, f.name)));
  const size = files.reduce((sum, f) => sum + statSync(join(dir, f)).size, 0);
  if (size > SCRIPT_LIMIT)
    throw badInput(
      `Folder ${dir} holds ${(size / 1e6).toFixed(0)} MB of files a script might read: put the script into a folder with no more than ${SCRIPT_LIMIT >> 20} MiB`,
    );
  const archive = spawnSync('tar', ['-C', dir, '-cf', '-', '-T', '-'], {
    input: files.join('\n'),
    maxBuffer: 2 * SCRIPT_LIMIT,
  });
  if (archive.status !== 0)
    throw environmentError(`Program tar cannot pack ${dir}: ${archive.stderr?.toString().trim()}`);
  const target = join(lab.programs.scratch, `svclab-script-${process.pid}`);
  const sent = await captureOnHost(
    lab,
    { host: clientHost(lab), command: ['sh', '-c', 'mkdir -p "$1" && tar -C "$1" -xf -', 'sh', target] },
    archive.stdout,
  );
  if (sent.code !== 0) throw environmentError(`Script cannot be sent to the client host: ${sent.stderr.trim()}`);
  return join(target, basename(script));
}

/** Most of the talk that is kept for a message. */
const KEPT_LINES = 20;

/** Starts a program on the client host (or another). Its stdout is collected; `onLine` gets each line of its talk on stderr. */
export function startOnClient(
  lab: LabConnection,
  command: readonly string[],
  onLine: (line: string) => void = () => {},
  host: string = clientHost(lab),
): ClientProgram {
  const stdout: Uint8Array[] = [];
  const talk: string[] = [];
  let rest = '';
  const program = startOnHost(
    lab,
    { host, command, env: { K6_NO_USAGE_REPORT: 'true' } },
    {
      stdout: (chunk) => stdout.push(chunk),
      stderr: (chunk) => {
        const lines = (rest + Buffer.from(chunk).toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          talk.push(line);
          if (talk.length > KEPT_LINES) talk.shift();
          onLine(line);
        }
      },
    },
  );
  program.end();
  const said = (code: number, more = '') => ({
    code,
    stdout: Buffer.concat(stdout).toString(),
    stderr: [...talk, rest, more].filter((line) => line !== '').join('\n'),
  });
  return {
    done: program.exit.then(
      (code) => said(code),
      (error: unknown) => said(4, (error as Error).message),
    ),
    interrupt: () => program.kill('SIGINT'),
  };
}
