/** The npm package, packed from this checkout and installed somewhere else. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../e2e/lab.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** A packed package. */
export interface PackedPackage {
  readonly tarball: string;
  /** Paths in it, without the leading `package/`. */
  readonly files: readonly string[];
  remove(): void;
}

/** Packs the checkout, which must be built. Fails with what npm said. */
export async function pack(): Promise<PackedPackage> {
  const dir = mkdtempSync(join(tmpdir(), 'svc-pack-'));
  const packed = await run(process.execPath, [join(ROOT, 'scripts', 'pack.mjs'), '--pack-destination', dir]);
  if (packed.code !== 0) throw new Error(`pack.mjs exits ${packed.code}: ${packed.stderr}`);
  const answer = JSON.parse(packed.stdout) as unknown;
  // An array with npm 10, an object by package name with npm 11.
  const [entry] = Object.values(answer as Record<string, { filename: string; files: { path: string }[] }>);
  if (!entry) throw new Error(`npm pack made no package: ${packed.stdout}`);
  return {
    tarball: join(dir, entry.filename),
    files: entry.files.map((f) => f.path).sort(),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Installs packages into a directory of its own; what the npm cache holds is not fetched again. Returns the directory. */
export async function install(...packages: readonly string[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'svc-install-'));
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  const done = await run('npm', ['install', '--prefix', dir, ...flags, ...packages]);
  if (done.code !== 0) throw new Error(`npm install exits ${done.code}: ${done.stderr}`);
  return dir;
}
