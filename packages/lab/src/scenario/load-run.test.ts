import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseEngine, exitOfK6, figuresOfK6, loadCommand } from './load-run.ts';

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
  it('asks the built-in host for JSON, progress as well, and for samples where there is a file for them', () => {
    const request = { engine: 'builtin', script: '/s.js', env: {} } as const;
    const programs = { loadHost: ['node', 'main.js'] };
    expect(loadCommand({ ...request, samples: '/t/x' }, programs)).toEqual([
      ...['node', 'main.js', '/s.js', '--out', 'json=/t/x', '--progress', 'json', '-o', 'json'],
    ]);
    expect(loadCommand(request, programs, 'text')).toEqual([
      ...['node', 'main.js', '/s.js', '--progress', 'text', '-o', 'text'],
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
    [100, 2],
    [105, 130],
    [127, 4],
  ])('%d is %d', (code, ours) => {
    expect(exitOfK6(code)).toBe(ours);
  });
});

describe('figuresOfK6', () => {
  const points = (dropped: number) =>
    [
      { type: 'Metric', metric: 'http_reqs', data: { type: 'counter' } },
      ...[0, 1, 0].flatMap((failed) => [
        { type: 'Point', metric: 'http_reqs', data: { value: 1 } },
        { type: 'Point', metric: 'http_req_failed', data: { value: failed } },
        { type: 'Point', metric: 'iterations', data: { value: 1 } },
      ]),
      ...(dropped ? [{ type: 'Point', metric: 'dropped_iterations', data: { value: dropped } }] : []),
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
  const samples = join(without, 'samples.jsonl');
  it.each([
    [0, 0, 0],
    [0, 1, 1],
    [2, 0, 3],
    [2, 1, 3],
    [2, 130, 130],
  ] as const)('%d dropped and exit code %d make %d', async (dropped, exit, ours) => {
    writeFileSync(samples, points(dropped));
    const figures = await figuresOfK6({ engine: 'k6', script: '/s.js', env: {}, samples }, exit);
    expect(figures).toMatchObject({ requests: 3, failed: 1, iterations: 3, lateness_p99_ms: null, exit_code: ours });
    expect(figures.dropped_iterations).toBe(dropped);
    expect(figures.inconclusive).toHaveLength(dropped ? 1 : 0);
  });
});
