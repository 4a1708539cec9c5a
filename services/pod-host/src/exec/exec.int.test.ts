import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, type Netns, systemClock } from '@svclab/runtime';
import type { ExecRequest } from '@svclab/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExecLimits, removeFiles, runExec } from './exec.ts';

describe('runExec()', () => {
  let netns: Netns;
  let directory: string;
  beforeEach(() => {
    netns = createNetns();
    directory = mkdtempSync(join(tmpdir(), 'exec-'));
  });
  afterEach(() => {
    netns.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function* nothing(): AsyncGenerator<ExecRequest> {
    // The client sends no more.
  }

  async function run(script: string, limits: ExecLimits): Promise<{ bytes: number; err: string; code: number }> {
    const target = {
      netns,
      command: ['sh', '-c', script],
      env: {},
      hostname: 'web',
      files: { hostname: 'web\n', hosts: '', 'resolv.conf': '' },
      directory,
      stdin: false,
      tty: false,
    };
    const result = { bytes: 0, err: '', code: -1 };
    const signal = new AbortController().signal;
    for await (const { message } of runExec(target, nothing(), { clock: systemClock, signal, limits })) {
      if (message?.$case === 'stdout') result.bytes += message.value.length;
      if (message?.$case === 'stderr') result.err += message.value;
      if (message?.$case === 'exit') result.code = message.value.code;
    }
    return result;
  }

  it('kills a program that writes without end', async () => {
    const { bytes, err, code } = await run('yes', { outputBytes: 3_000_000, timeMs: 600_000 });
    expect(bytes).toBeLessThanOrEqual(3_000_000);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(err).toBe('svclab: program was killed: it wrote more than 3000000 bytes\n');
    expect(code).toBe(137);
  });

  it('kills a program that runs without end, and its children', async () => {
    const { err, code } = await run('sleep 8641 & sleep 8642', { outputBytes: 1000, timeMs: 100 });
    expect(err).toBe('svclab: program was killed: it ran longer than 100 ms\n');
    expect(code).toBe(137);
  });

  it('hands over all output of a program that ends, however slow the reader', async () => {
    const { bytes, code } = await run('head -c 5000000 /dev/zero', { outputBytes: 6_000_000, timeMs: 600_000 });
    expect({ bytes, code }).toEqual({ bytes: 5_000_000, code: 0 });
  });

  it('leaves no files when told', async () => {
    await run('true', { outputBytes: 1000, timeMs: 600_000 });
    removeFiles(directory);
    expect(existsSync(directory)).toBe(false);
  });
});
