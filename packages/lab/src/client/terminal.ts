import { findProgram } from '../doctor/doctor.ts';

/** One word for a POSIX shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The command line that gives `command` a terminal of its own on the host, by script(1) of util-linux; undefined where there is no
 * such program. The terminal has the size of the caller's at the start and does not follow later changes.
 */
export function withTerminal(
  command: readonly string[],
  size: { columns: number; rows: number },
): string[] | undefined {
  if (findProgram('script') === undefined) return undefined;
  const line = `stty cols ${size.columns} rows ${size.rows}; exec ${command.map(quoted).join(' ')}`;
  return ['script', '--quiet', '--return', '--command', line, '/dev/null'];
}
