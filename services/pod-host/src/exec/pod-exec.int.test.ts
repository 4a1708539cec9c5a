import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { asOrdinaryUser } from '@svclab/testkit';
import type { ExecRequest } from '@svclab/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { client, exec, request, serveDns, usePodHost } from '../testing/harness.ts';

usePodHost();

describe('exec', () => {
  beforeEach(async () => {
    await client.ensurePod(request('web', '10.244.1.5', { env: { 'database.host': 'postgres', API_KEY: 'k' } }));
  });

  it('runs a program with the pod environment, files and host name, and none of ours', async () => {
    const env = (await exec('web', ['env'])).out.split('\n');
    expect(env).toEqual(expect.arrayContaining(['database.host=postgres', 'API_KEY=k', 'HOSTNAME=web']));
    expect(env.filter((line) => line.startsWith('SVCLAB'))).toEqual([]);
    const files = await exec('web', ['sh', '-c', 'cat /etc/resolv.conf /etc/hostname; hostname; tail -1 /etc/hosts']);
    expect(files).toMatchObject({ code: 0, err: '' });
    expect(files.out).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\nweb\nweb\n10.244.1.5\tweb\n',
    );
  });

  it('resolves short names of Services', async () => {
    serveDns({ 'api.shop.svc.cluster.local': '10.244.1.6' });
    await client.ensurePod(request('api-1', '10.244.1.6'));
    expect((await exec('web', ['sh', '-c', 'curl -s -m 5 http://api/hostname'])).out).toBe('api-1');
  });

  it('passes stdin, exit codes, signals and arguments as they are', async () => {
    expect(await exec('web', ['cat'], { stdin: 'a\0b' })).toMatchObject({ out: 'a\0b', code: 0 });
    expect(await exec('web', ['sh', '-c', 'echo no >&2; exit 7'])).toMatchObject({ err: 'no\n', code: 7 });
    expect((await exec('web', ['echo', '$(id)', '; ls', '*'])).out).toBe('$(id) ; ls *\n');
    expect(await exec('web', ['sleep', '600'], { stdin: '', signal: 15 })).toMatchObject({ code: 143 });
    expect(await exec('web', ['no-such-program'])).toMatchObject({
      code: 127,
      error: 'exec: "no-such-program": executable file not found in $PATH',
    });
    expect(await exec('web', [])).toMatchObject({ code: 126 });
  });

  it('gives a terminal when asked', async () => {
    expect(await exec('web', ['sh', '-c', 'test -t 1 && echo "it\'s one"; exit 3'], { tty: true })).toMatchObject({
      out: "it's one\r\n",
      code: 3,
    });
  });

  it('kills the program and its children when the client leaves', async () => {
    const abort = new AbortController();
    async function* input(): AsyncGenerator<ExecRequest> {
      const command = ['sh', '-c', 'sleep 8640 & echo $! $$; wait'];
      yield {
        message: {
          $case: 'start',
          value: { namespace: 'shop', pod: 'web', container: 'main', command, stdin: true, tty: false },
        },
      };
      await once(abort.signal, 'abort');
    }
    const pids: string[] = [];
    // A process whose parent is gone may stay a zombie where nobody reaps: it has ended all the same.
    const running = (pid: string): boolean =>
      existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    await expect(async () => {
      for await (const { message } of client.exec(input(), { signal: abort.signal }))
        if (message?.$case === 'stdout') {
          pids.push(...String(message.value).trim().split(' '));
          abort.abort();
        }
    }).rejects.toThrow();
    expect(pids).toHaveLength(2);
    while (pids.some(running)) await new Promise((resolve) => setImmediate(resolve));
  });
});

asOrdinaryUser(import.meta.url);
