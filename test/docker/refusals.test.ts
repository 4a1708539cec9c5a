/** What the docker driver says where it cannot work: exit code 4, the cure in the message, nothing left behind. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Result, run } from '../e2e/lab.ts';

const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;
const PROJECT = `refused-${process.pid}`;
const state = mkdtempSync(join(tmpdir(), 'svc-'));
afterAll(() => rmSync(state, { recursive: true, force: true }));

function up(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return run(process.execPath, [CLI, 'up', '--driver', 'docker', '--name', PROJECT, '--nodes', '1', ...args], {
    env: { ...process.env, SVCLAB_STATE_DIR: state, ...env },
  });
}

/** What the project has in Docker. */
async function leftovers(): Promise<string> {
  const label = `label=com.docker.compose.project=${PROJECT}`;
  const kinds = [
    ['ps', '-aq', '--filter', label],
    ['network', 'ls', '-q', '--filter', label],
    ['volume', 'ls', '-q', '--filter', label],
  ];
  return (await Promise.all(kinds.map((args) => run('docker', args)))).map((r) => r.stdout).join('');
}

/** A directory with a program `docker` that answers as the script does, to come first on the PATH. */
function fakeDocker(script: string): { PATH: string } {
  const bin = mkdtempSync(join(state, 'bin-'));
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'docker'), 0o755);
  return { PATH: `${bin}:${process.env.PATH}` };
}

async function expectRefusal(result: Result, says: RegExp): Promise<void> {
  expect(result.stderr).toMatch(says);
  expect(result.code).toBe(4);
  expect(result.stdout).toBe('');
  expect(await leftovers()).toBe('');
  expect(readdirSync(state).filter((name) => !name.startsWith('bin-') && name !== '.docker')).toEqual([]);
}

describe('svclab up --driver docker', () => {
  it('where no engine answers', async () => {
    const result = await run(process.execPath, [CLI, 'up', '--driver', 'docker', '--name', PROJECT], {
      env: { ...process.env, SVCLAB_STATE_DIR: state, DOCKER_HOST: 'tcp://127.0.0.1:1' },
    });
    await expectRefusal(result, /Docker engine cannot be reached: start it, or point DOCKER_HOST/);
  });

  it('where there is no docker program', async () => {
    const bin = mkdtempSync(join(state, 'bin-'));
    await expectRefusal(await up([], { PATH: bin }), /Program docker is not on the PATH: install Docker/);
  });

  it('with an engine before 25', async () => {
    const env = fakeDocker('[ "$1" = version ] && echo 24.0.7 && exit 0; exit 1');
    await expectRefusal(
      await up([], env),
      /Docker engine 24\.0\.7 is too old: health checks with start_interval need 25 or later/,
    );
  });

  it('without Compose v2', async () => {
    const env = fakeDocker(
      '[ "$1" = version ] && echo 26.1.5 && exit 0; echo "docker: \'compose\' is not a docker command." >&2; exit 1',
    );
    await expectRefusal(await up([], env), /Docker Compose v2 is missing: install the plugin/);
  });

  it('with an old Compose', async () => {
    const env = fakeDocker('[ "$1" = version ] && echo 26.1.5 && exit 0; echo 2.6.0');
    await expectRefusal(await up([], env), /Docker Compose 2\.6\.0 is too old/);
  });

  it('with an image that cannot be had', async () => {
    const result = await up([], { SVCLAB_IMAGE: 'localhost:1/no-such-image:1' });
    await expectRefusal(result, /Image localhost:1\/no-such-image:1 of SVCLAB_IMAGE is not here and cannot be pulled/);
  });

  it('with an image that is not of svclab', async () => {
    const result = await up([], { SVCLAB_IMAGE: 'node:24-bookworm-slim' });
    await expectRefusal(result, /Image node:24-bookworm-slim of SVCLAB_IMAGE is no image of svclab/);
  });

  it('with a port that is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
    const result = await up(['--api-port', String(port), '--lan', '172.29.70', '--control', '172.29.71']);
    server.close();
    await expectRefusal(result, new RegExp(`Port ${port} of 127\\.0\\.0\\.1 is taken: give another with --api-port`));
  });

  it('with addresses another network has', async () => {
    const network = `${PROJECT}-other`;
    const made = await run('docker', ['network', 'create', '--internal', '--subnet', '172.29.80.0/24', network]);
    expect(made.stderr).toBe('');
    try {
      const result = await up(['--api-port', '0', '--lan', '172.29.80', '--control', '172.29.81']);
      await expectRefusal(result, /172\.29\.80\.0\/24.*already: choose others with --lan and --control/);
    } finally {
      await run('docker', ['network', 'rm', network]);
    }
  });

  it('refuses what no lab can be, before it asks Docker', async () => {
    const result = await up(['--nodes', '0']);
    expect(result.stderr).toMatch(/Number of nodes 0 cannot be used/);
    expect(result.code).toBe(2);
    expect(await leftovers()).toBe('');
  });
});

describe('a project that is no lab', () => {
  it.each(['status', 'down', 'kubeconfig'])('svclab %s', async (command) => {
    const result = await run(process.execPath, [CLI, command, '--driver', 'docker', '--name', PROJECT], {
      env: { ...process.env, SVCLAB_STATE_DIR: state },
    });
    expect(result.stderr).toMatch(/Lab "refused-\d+" (does not run in Docker|is not in Docker)/);
    expect(result.code).toBe(2);
  });
});
