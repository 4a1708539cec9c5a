/** Builds the image of compose.yaml from this checkout before composed labs are tested: one that is there may be of another day. */
import { spawnSync } from 'node:child_process';

/** Called by vitest once, before the project's tests. Fails with what the build said. */
export default function setup(): void {
  const root = new URL('..', import.meta.url).pathname;
  const built = spawnSync('docker', ['compose', '-f', 'compose/compose.yaml', 'build', '--quiet', 'supervisor'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`docker compose build exits ${built.status}: ${built.stderr}`);
}
