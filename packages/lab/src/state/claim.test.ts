import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeState, reserve, stateKind } from './claim.ts';
import { labPaths } from './paths.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'svc-claim-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const holding = (files: Readonly<Record<string, string>>) => {
  const paths = labPaths(root, 'lab');
  mkdirSync(paths.dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(paths.dir, name), text);
  return paths;
};

describe('stateKind', () => {
  it.each([
    ['an empty directory', {}, 'none'],
    ['a lab of that name', { 'lab.json': '{"name":"lab"}', 'lab.sock': '' }, 'lab'],
    ['a lab of another name', { 'lab.json': '{"name":"other"}' }, 'foreign'],
    ['files of something else', { 'thesis.txt': 'x' }, 'foreign'],
    ['a lab.json that is none', { 'lab.json': 'null' }, 'foreign'],
    ['a lab.json that is no JSON', { 'lab.json': '{' }, 'foreign'],
  ] as const)('%s', (_, files, kind) => {
    expect(stateKind(holding(files), 'lab')).toBe(kind);
  });

  it('no directory', () => {
    expect(stateKind(labPaths(root, 'lab'), 'lab')).toBe('none');
  });
});

describe('removeState', () => {
  it('removes a lab', () => {
    const paths = holding({ 'lab.json': '{"name":"lab"}' });
    removeState(paths, 'lab');
    expect(existsSync(paths.dir)).toBe(false);
  });

  it('leaves anything else alone and says so', () => {
    const paths = holding({ 'thesis.txt': 'x' });
    expect(() => removeState(paths, 'lab')).toThrow(/holds something other than lab "lab" and is left alone/);
    expect(existsSync(join(paths.dir, 'thesis.txt'))).toBe(true);
  });
});

describe('reserve', () => {
  it('gives a name to one at a time', () => {
    const paths = labPaths(root, 'lab');
    const release = reserve(paths, 'lab');
    expect(() => reserve(paths, 'lab')).toThrow(new RegExp(`being started by process ${process.pid}`));
    reserve(labPaths(root, 'other'), 'other')();
    release();
    reserve(paths, 'lab')();
  });

  it.each([
    ['a process that has ended', `{"pid":${process.pid},"startTime":"1"}`],
    ['half a file', '{"pid":'],
  ])('is void when it is of %s', (_, text) => {
    writeFileSync(join(root, '.lab.starting'), text);
    reserve(labPaths(root, 'lab'), 'lab')();
    expect(existsSync(join(root, '.lab.starting'))).toBe(false);
  });

  it('is void when its process has ended and nobody has reaped it', () => {
    // The shell becomes the sleep, which never reaps the child it has inherited; the child ends no sooner.
    const script = '(until grep -q sleep /proc/$$/comm; do :; done) & echo $!; exec sleep 600';
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    return new Promise<void>((resolve, reject) => {
      parent.once('error', reject);
      parent.stdout.once('data', (chunk: Buffer) => {
        try {
          const pid = Number(chunk.toString());
          expect(stateOf(pid)).toBe('Z');
          const startTime = readFileSync(`/proc/${pid}/stat`, 'utf8')
            .replace(/^.*\) /s, '')
            .split(' ')[19];
          writeFileSync(join(root, '.lab.starting'), JSON.stringify({ pid, startTime }));
          reserve(labPaths(root, 'lab'), 'lab')();
          resolve();
        } catch (error) {
          reject(error as Error);
        } finally {
          parent.kill('SIGKILL');
        }
      });
    });
  });
});

/** State letter of a process, waited for until it has ended. */
function stateOf(pid: number): string {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .charAt(0);
    if (state === 'Z' || performance.now() > deadline) return state;
  }
}
