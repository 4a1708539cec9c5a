/** What the commands share: finding the lab, writing results, ending with the right code. */
import { stdout } from 'node:process';
import { type ExitCode, type LabConnection, openLab, stateRoot } from '@svclab/lab';
import { systemClock } from '@svclab/runtime';
import type { LabFlags } from './options.ts';

/** Where labs keep their state, from the environment. */
export function root(): string {
  return stateRoot(process.env);
}

/** Runs `fn` with a running lab and closes the connection afterwards. */
export async function withLab<T>(flags: LabFlags, fn: (lab: LabConnection) => Promise<T>): Promise<T> {
  const lab = await openLab(root(), { driver: flags.driver, name: flags.name });
  try {
    return await fn(lab);
  } finally {
    lab.close();
  }
}

/** Writes a result: JSON when asked for, else the text. Data goes to stdout and nothing else does. */
export function print(output: string, value: unknown, text: () => string): void {
  stdout.write(output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
}

/** Talk goes to stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Sets the code the process ends with. */
export function exitWith(code: ExitCode | number): void {
  process.exitCode = code;
}

/** Columns padded as kubectl pads them: three spaces between, upper-case heads. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((r) => (r[i] ?? '').length)));
  return all
    .map((r) =>
      r
        .map((cell, i) => (i === r.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 3)))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

/** Age as kubectl prints it: `12s`, `5m`, `3h`, `2d`. */
export function age(sinceWallMs: number, nowWallMs = systemClock.wall()): string {
  const s = Math.max(0, Math.floor((nowWallMs - sinceWallMs) / 1000));
  if (s < 120) return `${s}s`;
  if (s < 7200) return `${Math.floor(s / 60)}m`;
  if (s < 172_800) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86_400)}d`;
}
