import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Set in the run inside the user namespace. */
const NESTED = 'SVCLAB_TEST_NESTED';

/**
 * Adds a test that runs the calling test file once more as an ordinary user (uid 65534), inside the namespaces a lab without root lives
 * in. Does nothing when the tests do not run as root: they are then themselves that run.
 * @param url the test file's `import.meta.url`
 */
export function asOrdinaryUser(url: string): void {
  describe.runIf(process.getuid?.() === 0 && process.env[NESTED] === undefined)('as an ordinary user', () => {
    it('passes all of the above inside a user namespace', { timeout: 180_000 }, () => {
      const root = new URL('../../../', import.meta.url);
      const vitest = fileURLToPath(new URL('node_modules/vitest/vitest.mjs', root));
      const command = [
        ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
        ...['unshare', '--user', '--map-current-user', '--keep-caps', '--net', '--mount', '--pid', '--fork'],
        ...['--kill-child', '--mount-proc', process.execPath, vitest],
        // The runner loads the configuration without writing beside it, which this user may not.
        ...['run', '--configLoader', 'runner', '--project', 'integration', fileURLToPath(url)],
      ];
      const [file = '', ...args] = command;
      const done = spawnSync(file, args, {
        cwd: fileURLToPath(root),
        env: { PATH: process.env.PATH, HOME: '/tmp', NO_COLOR: '1', [NESTED]: '1' },
      });
      const said = `${done.stdout}${done.stderr}`;
      expect(done.status, said).toBe(0);
      expect(said).toMatch(/Tests\s+\d+ passed/);
    });
  });
}
