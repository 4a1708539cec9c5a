/** What `npm pack` makes: nothing but what is meant, and it works where it is installed. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, uniqueName } from '../e2e/lab.ts';
import { install, type PackedPackage, pack } from './pack.ts';

describe('the npm package', () => {
  let packed: PackedPackage;
  let dir: string;
  let state: string;
  beforeAll(async () => {
    packed = await pack();
    dir = await install(packed.tarball);
    state = mkdtempSync(join(tmpdir(), 'svc-'));
  });
  afterAll(() => {
    packed?.remove();
    for (const path of [dir, state]) if (path) rmSync(path, { recursive: true, force: true });
  });

  const svclab = (...args: string[]) =>
    run(join(dir, 'node_modules', '.bin', 'svclab'), args, { env: { ...process.env, SVCLAB_STATE_DIR: state } });

  it('holds these things', () => {
    expect([...new Set(packed.files.map((path) => path.split('/')[0]))]).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'compose',
      'dist',
      'examples',
      'loadtest',
      'package.json',
      'packages',
    ]);
    expect(packed.files.filter((path) => path.startsWith('packages/'))).toEqual(['packages/cli/bin/svclab.js']);
    expect([
      ...new Set(packed.files.filter((path) => path.startsWith('dist/')).map((path) => path.split('/')[1])),
    ]).toEqual(['modules', 'programs']);
  });

  it('holds no sources, tests, source maps or what only an image is made of', () => {
    const unwanted = /\.map$|\.test\.|\/src\/|(?<!\.d)\.ts$|tsconfig|tsbuildinfo|node_modules|Dockerfile/;
    expect(packed.files.filter((path) => unwanted.test(path))).toEqual([]);
  });

  it('has types that need nothing of ours', () => {
    const types = join(dir, 'node_modules', 'svclab', 'dist', 'modules', 'types');
    const files = readdirSync(types);
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect(readFileSync(join(types, file), 'utf8')).not.toContain('@svclab/');
  });

  it('names every file its exports name', () => {
    const base = join(dir, 'node_modules', 'svclab');
    const { exports } = JSON.parse(readFileSync(join(base, 'package.json'), 'utf8')) as { exports: unknown };
    const paths = [...JSON.stringify(exports).matchAll(/"(\.\/dist\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(paths.length).toBeGreaterThan(8);
    expect(paths.filter((path) => !existsSync(join(base, path)))).toEqual([]);
  });

  it.each([
    [
      'an ES module',
      'import { LabClient, matchers } from "svclab"; console.log(typeof LabClient, Object.keys(matchers).length > 0)',
    ],
    [
      'require',
      'const { LabClient, matchers } = require("svclab"); console.log(typeof LabClient, Object.keys(matchers).length > 0)',
    ],
  ])('is loaded by %s', async (how, code) => {
    const type = how === 'require' ? 'commonjs' : 'module';
    const loaded = await run('sh', [
      '-c',
      `cd "$1" && exec "$2" --input-type=${type} -e "$3"`,
      'sh',
      dir,
      process.execPath,
      code,
    ]);
    expect(loaded).toMatchObject({ code: 0, stdout: 'function true\n' });
  });

  it('brings a lab up and down', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await svclab('version')).stdout).toContain(`svclab ${version} `);
    const name = uniqueName('pkg');
    expect(await svclab('up', '--name', name, '--nodes', '1', '--profile', 'fast')).toMatchObject({ code: 0 });
    try {
      const status = JSON.parse((await svclab('status', '--name', name, '-o', 'json')).stdout) as { ready: boolean };
      expect(status.ready).toBe(true);
    } finally {
      expect(await svclab('down', '--name', name)).toMatchObject({ code: 0 });
    }
    expect(readdirSync(state).filter((entry) => !entry.startsWith('.'))).toEqual([]);
  });
});
