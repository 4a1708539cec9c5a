import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseEngine, exitOfK6, loadCommand } from './load-run.ts';

const withK6 = mkdtempSync(join(tmpdir(), 'svclab-path-'));
const without = mkdtempSync(join(tmpdir(), 'svclab-path-'));
writeFileSync(join(withK6, 'k6'), '');
chmodSync(join(withK6, 'k6'), 0o755);
writeFileSync(join(without, 'k6'), 'not executable', { mode: 0o644 });
afterAll(() => {
  rmSync(withK6, { recursive: true });
  rmSync(without, { recursive: true });
});

describe('chooseEngine', () => {
  it.each([
    ['auto', withK6, 'k6'],
    ['auto', without, 'builtin'],
    ['auto', `${without}:${withK6}`, 'k6'],
    ['builtin', withK6, 'builtin'],
    ['k6', withK6, 'k6'],
  ] as const)('%s', (asked, path, engine) => {
    expect(chooseEngine(asked, path)).toBe(engine);
  });
  it('does not put another engine in the place of the one asked for', () => {
    expect(() => chooseEngine('k6', without)).toThrow('Program k6 is not on the PATH');
  });
});

describe('loadCommand', () => {
  it('hands the script and its environment to k6', () => {
    expect(loadCommand({ engine: 'k6', script: '/s.js', env: { A: 'b c' }, samples: '/t/x' })).toEqual([
      ...['k6', 'run', '--quiet', '--no-color', '--out', 'json=/t/x', '--env', 'A=b c', '/s.js'],
    ]);
  });
});

describe('exitOfK6', () => {
  it.each([
    [0, 0],
    [99, 1],
    [108, 1],
    [110, 1],
    [104, 2],
    [107, 2],
    [105, 130],
    [127, 4],
  ])('%d is %d', (code, ours) => {
    expect(exitOfK6(code)).toBe(ours);
  });
});
