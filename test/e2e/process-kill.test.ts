/** Any process may die at any instant: the data path does not notice, the process comes back, the state is as before. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, until } from './lab.ts';

/** What must be the same before and after: everything a user declared or the control plane computed from it. */
async function state(lab: Lab): Promise<string> {
  const objects = JSON.parse(
    await lab.kube(['get', 'deploy,rs,pods,svc,endpoints,endpointslices,nodes', '-A', '-o', 'json']),
  ) as {
    items: {
      kind: string;
      metadata: { namespace?: string; name: string; uid: string };
      spec?: { clusterIP?: string };
      subsets?: unknown;
      status?: { podIP?: string };
    }[];
  };
  return JSON.stringify(
    objects.items
      .map((o) => [
        o.kind,
        o.metadata.namespace,
        o.metadata.name,
        o.metadata.uid,
        o.spec?.clusterIP,
        o.subsets,
        o.status?.podIP,
      ])
      .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    null,
    1,
  );
}

interface Status {
  readonly processes: {
    readonly component: string;
    readonly host: string;
    readonly state: string;
    readonly restarts: number;
  }[];
}

async function processes(lab: Lab): Promise<Status['processes']> {
  return (JSON.parse(await lab.ok('status', '-o', 'json')) as Status).processes;
}

describe('kill -9 of a process while traffic runs through a VIP owned elsewhere', () => {
  let lab: Lab;
  let ip: string;
  let elsewhere: string;

  beforeAll(async () => {
    lab = await Lab.up();
    await lab.pool();
    ip = await lab.web('web', 3);
    const owner = await lab.owner('default/web');
    elsewhere = (await lab.nodes()).find((n) => n !== owner) ?? '';
    expect(elsewhere).not.toBe('');
  });
  afterAll(() => lab?.down());

  const cases = [
    { component: 'controller', host: () => 'controller-1', target: () => 'controller/1' },
    { component: 'nats-server', host: () => 'nats-1', target: () => 'nats/1' },
    { component: 'node-agent', host: () => elsewhere, target: () => `agent/${elsewhere}` },
    { component: 'dns', host: () => 'dns-1', target: () => 'dns/1' },
    { component: 'l2-announcer', host: () => elsewhere, target: () => `announcer/${elsewhere}` },
  ];
  it.each(cases)('$component', async ({ component, host, target }) => {
    const before = await state(lab);
    const find = async () => (await processes(lab)).find((p) => p.component === component && p.host === host());
    const restarts = (await find())?.restarts ?? -1;
    const report = await lab.probe(`http://${ip}/`, 6, async () => {
      await lab.ok('fault', 'kill', target());
    });
    expect(report.new.sent).toBeGreaterThan(300);
    expect(report.new.lost).toBe(0);
    await until(`${component} is ready again`, async () => {
      const now = await find();
      return now?.state === 'ready' && now.restarts === restarts + 1;
    });
    await until(
      'the API answers with the same state',
      async () => (await lab.kubectl(['get', 'nodes'])).code === 0 && (await state(lab)) === before,
    );
  });

  it('what is applied after all of them died still works', async () => {
    const second = await lab.web('after', 2);
    expect((await lab.client('curl', '-s', '-m', '2', `http://${second}/`)).stdout).toMatch(
      /after-[a-z0-9]+-[a-z0-9]{5}/,
    );
  });
});
