/** Three NATS servers and three controllers: any one may die or stand still, and traffic does not notice. */
import { spawnSync } from 'node:child_process';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

interface Status {
  readonly leader: string | null;
  readonly processes: readonly { readonly component: string; readonly host: string; readonly state: string }[];
}

/** What an API server answered. */
interface Answer {
  readonly code: number;
  readonly tookMs: number;
  readonly body: { readonly kind?: string; readonly reason?: string; readonly message?: string };
}

/** Copies of servers before 2.11 may part from each other when one is killed (decision 7): there is nothing to hold then. */
const [, major = 0, minor = 0] = (
  /v(\d+)\.(\d+)/.exec(
    spawnSync('nats-server', ['--version'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    }).stdout ?? '',
  ) ?? []
).map(Number);
// The image has a server of its own, which is later.
const steadyServers = process.env.SVCLAB_TEST_DRIVER === 'docker' || major > 2 || (major === 2 && minor >= 11);

describe('a lab with ha', () => {
  let lab: Lab;
  let ip: string;
  let token: string;
  /** URL of each controller's API, by host. */
  const apis = new Map<string, string>();

  beforeAll(async () => {
    // The announcers' real timers: a busy machine shall not move the address meanwhile.
    const timers = ['membership.probeInterval=1s', 'membership.probeTimeout=500ms'];
    lab = await Lab.up(['--ha', ...timers.flatMap((t) => ['--set', t])]);
    const config = JSON.parse(await lab.kube(['config', 'view', '--raw', '-o', 'json'])) as {
      clusters: { name: string; cluster: { server: string } }[];
      users: { user: { token: string } }[];
    };
    token = config.users[0]?.user.token ?? '';
    for (const [i, { cluster }] of config.clusters.entries()) apis.set(`controller-${i + 1}`, cluster.server);
    await lab.pool();
    ip = await lab.web('web', 3);
  });
  afterAll(() => lab?.down());

  const status = async (): Promise<Status> => JSON.parse(await lab.ok('status', '-o', 'json')) as Status;
  const leader = async (): Promise<string> => (await status()).leader ?? '';
  const ready = async (host: string): Promise<boolean> =>
    (await status()).processes.some((p) => p.host === host && p.state === 'ready');
  const target = (host: string): string => host.replace('-', '/');
  /** The context of the kubeconfig that leads to a controller. */
  const at = (host: string): string[] => {
    const i = host.split('-')[1] ?? '1';
    return ['--context', i === '1' ? `svclab-${lab.name}` : `svclab-${lab.name}-${i}`];
  };
  const others = (host: string): string[] => [...apis.keys()].filter((h) => h !== host);

  /** Asks a controller's API once, as no client library does: without trying again. */
  function ask(host: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const startMs = performance.now();
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': text.length,
    };
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: false, rejectUnauthorized: false };
      const call = request(new URL(path, apis.get(host)), options, (response) => {
        let answer = '';
        response.on('data', (chunk: Buffer) => {
          answer += chunk.toString();
        });
        response.on('end', () => {
          const tookMs = performance.now() - startMs;
          resolve({ code: response.statusCode ?? 0, tookMs, body: JSON.parse(answer) as Answer['body'] });
        });
      });
      call.on('error', reject);
      call.end(text);
    });
  }

  const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  let counter = 0;
  /** Writes through a controller until it is taken. */
  const written = async (host: string): Promise<void> => {
    counter += 1;
    const object = configMap(`written-${counter}`);
    await until(`${host} takes writes`, async () => {
      const { code } = await ask(host, 'POST', '/api/v1/namespaces/default/configmaps', object);
      return code === 201 || code === 409;
    });
  };
  const scaled = async (host: string, replicas: number): Promise<void> => {
    await lab.kube([...at(host), 'scale', 'deploy/web', `--replicas=${replicas}`]);
    await lab.kube([...at(host), 'rollout', 'status', 'deploy/web', '--timeout=60s']);
  };

  it('all controllers serve the same API, one of them leads', async () => {
    expect(apis.size).toBe(3);
    expect([...apis.keys()]).toContain(await leader());
    const seen = await Promise.all(
      [...apis.keys()].map((h) => lab.kube([...at(h), 'get', 'deploy,svc', '-o', 'name'])),
    );
    expect(new Set(seen).size).toBe(1);
    for (const host of apis.keys()) await written(host);
    const endpoints = await lab.kube([
      'get',
      'endpoints',
      'kubernetes',
      '-o',
      'jsonpath={.subsets[0].addresses[*].ip}',
    ]);
    expect(endpoints).toBe('172.30.1.3 172.30.1.8 172.30.1.9');
  });

  it('kill -9 of the leader: another leads, nothing is lost', async () => {
    const before = await leader();
    const [other = ''] = others(before);
    const report = await lab.probe(`http://${ip}/`, 6, async () => {
      await lab.ok('fault', 'kill', target(before), '--hold');
      expect((await ask(other, 'GET', '/api/v1/nodes')).code).toBe(200);
      await until('another leads', async () => ![before, ''].includes(await leader()));
    });
    expect(report.new.sent).toBeGreaterThan(300);
    expect(report.new.outcomes).toEqual({ ok: report.new.sent });
    await scaled(other, 4);
    await lab.ok('fault', 'restart', target(before));
    await until(`${before} is back`, () => ready(before));
    expect(await leader()).not.toBe(before);
    await scaled(before, 3);
  });

  /** Kills NATS servers, and brings them back when `fn` has ended, well or not. */
  async function without(servers: readonly number[], fn: () => Promise<void>): Promise<void> {
    await Promise.all(servers.map((i) => lab.ok('fault', 'kill', `nats/${i}`, '--hold')));
    try {
      await fn();
    } finally {
      for (const i of servers) await lab.ok('fault', 'restart', `nats/${i}`);
    }
    for (const i of servers) await until(`nats-${i} is back`, () => ready(`nats-${i}`));
  }

  it.runIf(steadyServers).each([1, 2, 3])(
    'kill -9 of nats/%i: reads go on everywhere, writes come back, nothing is lost',
    async (i) => {
      const report = await lab.probe(`http://${ip}/`, 15, () =>
        without([i], async () => {
          for (const host of apis.keys()) expect((await ask(host, 'GET', '/api/v1/pods')).code).toBe(200);
          for (const host of apis.keys()) await written(host);
          await until('somebody leads', async () => (await leader()) !== '');
          await scaled('controller-1', 4);
        }),
      );
      expect(report.new.sent).toBeGreaterThan(300);
      expect(report.new.outcomes).toEqual({ ok: report.new.sent });
      for (const host of apis.keys()) await written(host);
      await scaled('controller-2', 3);
    },
  );

  /** Every object but leases: name and version. Two equal ones: nobody has written in between. */
  async function versions(host: string): Promise<string> {
    const kinds = 'deploy,rs,pods,svc,endpoints,endpointslices,nodes,ns,cm,events,ipaddresspools';
    const list = JSON.parse(await lab.kube([...at(host), 'get', kinds, '-A', '-o', 'json'])) as {
      items: { kind: string; metadata: { namespace?: string; name: string; resourceVersion: string } }[];
    };
    return list.items
      .map(({ kind, metadata: m }) => `${kind} ${m.namespace ?? ''}/${m.name} ${m.resourceVersion}`)
      .sort()
      .join('\n');
  }

  it('a leader that stood still for longer than its lease writes nothing when it goes on', async () => {
    await until('somebody leads', async () => (await leader()) !== '');
    const before = await leader();
    const [other = ''] = others(before);
    let after = '';
    const report = await lab.probe(`http://${ip}/`, 12, async () => {
      // In the midst of work: much is decided and not yet written.
      await lab.kube([...at(other), 'scale', 'deploy/web', '--replicas=12']);
      await lab.ok('fault', 'pause', target(before));
      await until('another leads', async () => ![before, ''].includes(await leader()));
      after = await leader();
      await lab.kube([...at(other), 'rollout', 'status', 'deploy/web', '--timeout=60s']);
      await lab.kube([...at(other), 'scale', 'deploy/web', '--replicas=2']);
      await lab.kube([...at(other), 'rollout', 'status', 'deploy/web', '--timeout=60s']);
    });
    let quiet = '';
    await until('nobody writes any more', async () => {
      const now = await versions(other);
      const same = now === quiet;
      quiet = now;
      return same && now.split('\n').filter((l) => l.startsWith('Pod default/web')).length === 2;
    });
    await lab.ok('fault', 'resume', target(before));
    expect(report.new.outcomes).toEqual({ ok: report.new.sent });
    const mark = `resumed-${before}`;
    // In its log: the bus may have closed its connection meanwhile, with what it says first.
    await until('the old leader has said that it lost', async () =>
      (await lab.ok('logs', 'controller', '--node', before)).includes('"leadership-lost"'),
    );
    // It has caught up with everything once its API shows what was written after it went on.
    await lab.kube([...at(other), 'create', 'cm', mark, '-o', 'name', '--dry-run=client']);
    expect((await ask(other, 'POST', '/api/v1/namespaces/default/configmaps', configMap(mark))).code).toBe(201);
    await until(
      'it has caught up',
      async () => (await ask(before, 'GET', `/api/v1/namespaces/default/configmaps/${mark}`)).code === 200,
    );
    const now = (await versions(before)).split('\n').filter((l) => !l.includes(mark));
    expect(now).toEqual(quiet.split('\n'));
    expect(await leader()).toBe(after);
    await scaled(before, 3);
  });

  it.runIf(steadyServers)(
    'kill -9 of two of three NATS servers: reads and traffic go on, writes are refused in bounded time and come back',
    async () => {
      const report = await lab.probe(`http://${ip}/`, 20, () =>
        without([1, 2], async () => {
          const answers: Answer[] = [];
          await until('writes are refused as not taken', async () => {
            for (const host of apis.keys()) {
              expect((await ask(host, 'GET', '/api/v1/pods')).code).toBe(200);
              answers.push(
                await ask(
                  host,
                  'POST',
                  '/api/v1/namespaces/default/configmaps',
                  configMap(`refused-${answers.length}`),
                ),
              );
            }
            return answers.at(-1)?.code === 503;
          });
          for (const { code, body } of answers) {
            // 504 while a server that has not yet noticed takes the write and cannot say what becomes of it.
            expect([503, 504]).toContain(code);
            expect(body).toMatchObject({
              kind: 'Status',
              status: 'Failure',
              reason: code === 503 ? 'ServiceUnavailable' : 'Timeout',
            });
          }
          expect(answers.at(-1)?.body.message).toMatch(/nothing was written/);
        }),
      );
      expect(report.new.sent).toBeGreaterThan(300);
      expect(report.new.outcomes).toEqual({ ok: report.new.sent });
      for (const host of apis.keys()) await written(host);
      await until('somebody leads', async () => (await leader()) !== '');
      await scaled('controller-3', 4);
    },
    240_000,
  );
});
