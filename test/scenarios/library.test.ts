/**
 * Every scenario of the library runs green, by the CLI alone. Those tagged nightly run with SVCLAB_NIGHTLY=1. They share one lab, for they all
 * ask for the same; each waits until it is steady.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Lab, svclab } from '../e2e/lab.ts';

const folder = new URL('../../loadtest/scenarios/', import.meta.url).pathname;
const scenarios = readdirSync(folder)
  .filter((f) => f.endsWith('.yaml'))
  .sort()
  .map((file) => {
    const { tags = [], lab } = parse(readFileSync(join(folder, file), 'utf8')) as {
      tags?: string[];
      lab?: { nodes?: number; profile?: string };
    };
    return { file, nightly: tags.includes('nightly'), usual: lab?.nodes === 3 && lab.profile === 'fast' };
  });
const nightly = process.env.SVCLAB_NIGHTLY === '1';

describe('the library', () => {
  let lab: Lab;
  const dir = mkdtempSync(join(tmpdir(), 'svclab-library-'));
  beforeAll(async () => {
    lab = await Lab.up(['--nodes', '3']);
  });
  afterAll(async () => {
    await lab?.down();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(scenarios.filter((s) => s.usual && (nightly || !s.nightly)))('$file', async ({ file }) => {
    const { code, stdout, stderr } = await svclab(
      ['run', join(folder, file), '--on', lab.name, '--report', join(dir, file)],
      lab.stateDir,
    );
    expect(code, `${stderr}\n${stdout}`).toBe(0);
  });
  it.runIf(nightly).each(scenarios.filter((s) => !s.usual))('$file, on a lab of its own', async ({ file }) => {
    const { code, stdout, stderr } = await svclab(
      ['run', join(folder, file), '--report', join(dir, file)],
      lab.stateDir,
    );
    expect(code, `${stderr}\n${stdout}`).toBe(0);
  });
});
