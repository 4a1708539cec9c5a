/** The example project, run as a user would: a copy of it elsewhere, with the packed package. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../e2e/lab.ts';
import { type PackedPackage, pack } from '../package/pack.ts';
import { testImage } from './image.ts';

describe('examples/testcontainers', () => {
  let packed: PackedPackage;
  let dir: string;
  beforeAll(async () => {
    packed = await pack();
    dir = mkdtempSync(join(tmpdir(), 'svc-example-'));
    cpSync(new URL('../../examples/testcontainers', import.meta.url).pathname, dir, {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
    const path = join(dir, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { devDependencies: Record<string, string> };
    manifest.devDependencies.svclab = `file:${packed.tarball}`;
    writeFileSync(path, JSON.stringify(manifest));
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    const installed = await run('npm', ['install', '--prefix', dir, ...flags]);
    if (installed.code !== 0) throw new Error(`npm install exits ${installed.code}: ${installed.stderr}`);
  });
  afterAll(() => {
    packed?.remove();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  it('has types', async () => {
    const checked = await run('npm', ['run', '--prefix', dir, 'types']);
    expect(checked, checked.stdout).toMatchObject({ code: 0 });
  });

  it('passes', async () => {
    const env = { ...process.env, SVCLAB_IMAGE: testImage(), TESTCONTAINERS_RYUK_DISABLED: 'true', NO_COLOR: '1' };
    const tested = await run('npm', ['test', '--prefix', dir], { env });
    expect(tested, tested.stdout + tested.stderr).toMatchObject({ code: 0 });
    expect(tested.stdout).toMatch(/The VIP was dark for/);
  });
});
