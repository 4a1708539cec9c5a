/** The image the tests run: SVCLAB_TEST_IMAGE, else one that is built from this checkout. */
import { spawnSync } from 'node:child_process';

let image: string | undefined;

/** Name of the image; it is built when none was given. Fails with what the build said. */
export function testImage(): string {
  if (image !== undefined) return image;
  const given = process.env.SVCLAB_TEST_IMAGE;
  if (given) {
    image = given;
    return given;
  }
  const name = 'svclab:test';
  const root = new URL('../..', import.meta.url).pathname;
  const built = spawnSync('docker', ['build', '-q', '-t', name, '-f', 'compose/Dockerfile', '.'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`docker build exits ${built.status}: ${built.stderr}`);
  image = name;
  return name;
}
