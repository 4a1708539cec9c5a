/** A lab's life: up, beside another, refused twice, down, killed; and what the CLI says to bad input. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run, svclab, until } from './lab.ts';

/** What a lab could leave on the machine. */
async function footprint(stateDir: string): Promise<string> {
  const links = (await run('ip', ['-br', 'link'])).stdout
    .split('\n')
    .map((l) => l.split(/\s+/)[0])
    .sort();
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n').length;
  const processes = readdirSync('/proc')
    .filter((p) => /^\d+$/.test(p))
    .filter((p) => {
      try {
        return (
          readFileSync(`/proc/${p}/cmdline`, 'utf8').includes(stateDir) ||
          readFileSync(`/proc/${p}/environ`, 'utf8').includes(`${stateDir}/`)
        );
      } catch {
        return false;
      }
    });
  return JSON.stringify({ links, mounts, processes });
}

describe('the life of a lab', () => {
  it('stands beside another, refuses a second up of its name, and leaves nothing after down', async () => {
    const state = mkdtempSync(join(tmpdir(), 'svc-'));
    const before = await footprint(state);
    try {
      for (const name of ['one', 'two'])
        expect((await svclab(['up', '--name', name, '--nodes', '1', '--profile', 'fast'], state)).stderr).toContain(
          'is ready',
        );
      const again = await svclab(['up', '--name', 'one'], state);
      expect(again.code).toBe(2);
      expect(again.stderr).toContain('Lab "one" is already running: stop it with "svclab down --name one"');
      for (const name of ['one', 'two']) {
        const status = JSON.parse((await svclab(['status', '--name', name, '-o', 'json'], state)).stdout) as Record<
          string,
          unknown
        >;
        expect(status).toMatchObject({ name, driver: 'netns', ready: true });
        expect(status.pid).toBeGreaterThan(1);
        expect(status.nodes).toHaveLength(1);
      }
      expect((await svclab(['down', '--all'], state)).code).toBe(0);
      expect(readdirSync(state)).toEqual([]);
      await until('nothing of the labs is left', async () => (await footprint(state)) === before);
    } finally {
      await svclab(['down', '--all'], state);
      rmSync(state, { recursive: true, force: true });
    }
  });

  it('is gone as a whole when its first process is killed, and comes up again', async () => {
    const state = mkdtempSync(join(tmpdir(), 'svc-'));
    const before = await footprint(state);
    try {
      expect((await svclab(['up', '--nodes', '1', '--profile', 'fast'], state)).code).toBe(0);
      const { pid } = JSON.parse((await svclab(['status', '-o', 'json'], state)).stdout) as { pid: number };
      process.kill(pid, 'SIGKILL');
      await until('nothing of the lab is left', async () => (await footprint(state)) === before);
      const gone = await svclab(['status'], state);
      expect(gone.code).toBe(2);
      expect(gone.stderr).toContain('Lab "lab" does not run: start it with "svclab up"');
      expect((await svclab(['up', '--nodes', '1', '--profile', 'fast'], state)).code).toBe(0);
    } finally {
      await svclab(['down', '--all'], state);
      rmSync(state, { recursive: true, force: true });
    }
  });
});

describe('bad input to up', () => {
  const state = mkdtempSync(join(tmpdir(), 'svc-'));
  afterAll(() => rmSync(state, { recursive: true, force: true }));

  it.each([
    { args: ['up', '--bogus'], code: 2, says: /unknown option '--bogus'/ },
    {
      args: ['up', '--nodes', 'three'],
      code: 2,
      says: /'--nodes <n>' argument 'three' is invalid\. Give a whole number/,
    },
    {
      args: ['up', '--nodes', '0'],
      code: 2,
      says: /Number of nodes 0 cannot be used: give a whole number from 1 to 90/,
    },
    { args: ['up', '--profile', 'slow'], code: 2, says: /Profile "slow" is not known: give realistic or fast/ },
    { args: ['up', '--set', 'membership.probe=1s'], code: 2, says: /Unknown knob "membership\.probe"/ },
    { args: ['up', '--set', 'dns.ttl'], code: 2, says: /Give NAME=VALUE/ },
    { args: ['up', '--name', 'Not/a/name'], code: 2, says: /Lab name "Not\/a\/name" cannot be used/ },
    { args: ['up', '-f', '/nowhere/lab.yaml'], code: 2, says: /Lab file \/nowhere\/lab\.yaml cannot be read/ },
    { args: ['bogus'], code: 2, says: /unknown command 'bogus'/ },
    { args: ['fault', 'kill', 'node/node-1'], code: 2, says: /Lab "lab" does not run: start it with "svclab up"/ },
    { args: ['down'], code: 2, says: /Lab "lab" does not run and has no state/ },
  ])('svclab $args', async ({ args, code, says }) => {
    const result = await svclab(args, state);
    expect(result.stderr).toMatch(says);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
    expect(readdirSync(state)).toEqual([]);
  });

  it('a port that is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
    const result = await svclab(['up', '--api-port', String(port)], state);
    server.close();
    expect(result.code).toBe(4);
    expect(result.stderr).toContain(`Port ${port} of 127.0.0.1 is taken: give another with --api-port`);
    expect(readdirSync(state)).toEqual([]);
  });

  it.each(['nft', 'nats-server'])('a machine without %s', async (missing) => {
    // In a mount namespace of its own the program is something that cannot be run.
    const program = (await run('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${missing}`])).stdout.trim();
    const cli = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;
    const result = await run(
      'unshare',
      [
        ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
        '--mount',
        'sh',
        '-c',
        `mount --bind /dev/null "$(readlink -f ${program})" && exec ${process.execPath} ${cli} up`,
      ],
      { env: { ...process.env, SVCLAB_STATE_DIR: state } },
    );
    expect(result.stderr).toMatch(
      new RegExp(`This machine lacks what a lab needs:\\n {2}${missing}: not on PATH; apt-get install`),
    );
    expect(result.code).toBe(4);
    expect(readdirSync(state)).toEqual([]);
  });

  it('no user namespaces and no root', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'bin-'));
    writeFileSync(
      join(bin, 'unshare'),
      '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n',
    );
    chmodSync(join(bin, 'unshare'), 0o755);
    const result = await run(
      process.execPath,
      [new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname, 'up'],
      { env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, SVCLAB_STATE_DIR: state } },
    );
    rmSync(bin, { recursive: true });
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/namespaces: cannot be made \(unshare: unshare failed: Operation not permitted\)/);
  });
});
