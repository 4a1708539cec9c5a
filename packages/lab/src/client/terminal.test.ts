import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../doctor/doctor.ts';
import { withTerminal } from './terminal.ts';

describe('withTerminal', () => {
  it.runIf(findProgram('script'))(
    'gives a program a terminal of the size, its arguments as they are, and its exit code',
    () => {
      const command = ['sh', '-c', 'tty -s && stty size; printf "%s|" "$@"; exit 3', 'sh', "it's", 'a b', '$HOME'];
      const [program = '', ...args] = withTerminal(command, { columns: 123, rows: 45 }) ?? [];
      const done = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, SHELL: '/bin/sh' } });
      expect(done.stdout.replaceAll('\r', '')).toBe("45 123\nit's|a b|$HOME|");
      expect(done.status).toBe(3);
    },
  );
});
