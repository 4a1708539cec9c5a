/** `svclab report` and `svclab gate` from outside: exit codes, what goes to stdout, and what bad input is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReports } from '../../packages/lab/src/report/write-reports.ts';
import { run } from '../e2e/lab.ts';
import { type ExampleOptions, exampleReport } from './example-report.ts';

const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'svclab-commands-'));
const at = (name: string): string => join(dir, name);
const svclab = (...args: string[]) => run(process.execPath, [CLI, ...args]);

function put(name: string, options: Partial<ExampleOptions> = {}): void {
  writeReports(at(name), exampleReport({ runs: 10, seed: 7, ...options, dir: at(name) }));
}

beforeAll(() => {
  put('usual');
  put('slow', { slower: 80 });
  put('doubtful', { verdict: 'inconclusive' });
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('svclab report compare', () => {
  it('prints the table and the sentence; exits 0 whatever it finds', async () => {
    const { code, stdout } = await svclab('report', 'compare', at('usual'), join(at('slow'), 'report.json'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The dark time is longer: /m);
  });
  it('prints JSON alone when asked', async () => {
    const { stdout, stderr } = await svclab('report', 'compare', at('usual'), at('slow'), '-o', 'json');
    expect(JSON.parse(stdout).figures[0]).toMatchObject({ figure: 'dark_ms.new', verdict: 'differs' });
    expect(stderr).toBe('');
  });
  it('names the file that is none', async () => {
    const { code, stdout, stderr } = await svclab('report', 'compare', at('usual'), at('nowhere'));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`No report at ${at('nowhere')}: give a report.json or a folder`);
  });
});

describe('svclab report html', () => {
  it('renders again what was there', async () => {
    const before = readFileSync(join(at('usual'), 'report.html'), 'utf8');
    writeFileSync(join(at('usual'), 'report.html'), '');
    expect((await svclab('report', 'html', at('usual'))).code).toBe(0);
    expect(readFileSync(join(at('usual'), 'report.html'), 'utf8')).toBe(before);
  });
});

describe('svclab gate', () => {
  const history = join(dir, 'history.jsonl');
  const gate = (name: string, ...more: string[]) => svclab('gate', at(name), '--history', history, ...more);
  it('passes without a history and says so; fails what got worse and does not remember it', async () => {
    const first = await gate('usual', '--update');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining(`Added to ${history}`) });
    expect(first.stdout).toContain('Nothing to compare with');
    const remembered = readFileSync(history, 'utf8');

    const worse = await gate('slow', '--leeway', '30%', '--update');
    expect(worse).toMatchObject({ code: 1, stderr: expect.stringContaining('Not added') });
    expect(worse.stdout).toContain('"VIP failover" got worse: dark_ms.new.p50 is ');
    expect(readFileSync(history, 'utf8')).toBe(remembered);

    expect((await gate('slow', '--leeway', '200%')).code).toBe(0);
    expect((await gate('usual')).stdout).toContain('is no worse than its 1 earlier report');
  });
  it('does not judge what proves nothing', async () => {
    const { code, stderr } = await gate('doubtful');
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('is inconclusive') });
  });
  it.each([
    [['--leeway', 'much'], 'Give a percentage such as 30%'],
    [['--history', '/proc/version'], 'History /proc/version, line 1: no JSON'],
  ])('refuses %j', async (more, message) => {
    const { code, stderr } = await gate('usual', ...more);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });
});
