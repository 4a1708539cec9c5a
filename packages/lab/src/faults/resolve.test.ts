import { describe, expect, it } from 'vitest';
import { planLab } from '../plan/plan.ts';
import { randomOf } from './context.ts';
import { kill } from './kill.ts';
import { partition } from './partition.ts';
import { pause } from './pause.ts';
import { resolveTarget, type TargetLookups } from './resolve.ts';
import { formatTarget } from './target.ts';

const lab = (nodes: number, off: readonly string[] = []): TargetLookups & { readonly asked: string[] } => {
  const asked: string[] = [];
  return {
    asked,
    config: planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes, set: {} }),
    isUp: (host) => !off.includes(host),
    owner: async (namespace, service) => (`${namespace}/${service}` === 'default/web' ? 'node-2' : ''),
    leader: async () => (off.includes('controller-1') ? '' : 'controller-1'),
    async api<T>(path: string) {
      asked.push(decodeURIComponent(path));
      const names = path.includes('/pods') ? ['web-2', 'web-1'] : ['node-2', 'node-1'];
      const items = path.includes('none') ? [] : names.map((name) => ({ metadata: { name } }));
      return { items } as T;
    },
    random: randomOf,
  };
};

const resolve = async (text: string, lookups: TargetLookups, verb = kill, args = {}) =>
  (await resolveTarget(text, verb, args, lookups)).map(formatTarget).join(',');

describe('resolveTarget', () => {
  it.each([
    ['node/node-1', 3, 'node/node-1'],
    ['owner/default/web', 3, 'node/node-2'],
    ['leader', 3, 'controller/1'],
    ['minority/nodes', 3, 'node/node-3'],
    ['majority/nodes', 3, 'node/node-1,node/node-2'],
    ['minority/nodes', 5, 'node/node-4,node/node-5'],
    ['majority/announcers', 4, 'announcer/node-1,announcer/node-2,announcer/node-3'],
    ['random:1/dns', 3, expect.stringMatching(/^dns\/[12]$/)],
    ['random:a/agents', 3, expect.stringMatching(/^agent\/node-[123]$/)],
    ['node?role=worker', 3, 'node/node-1,node/node-2'],
    ['agent?a=b', 3, 'agent/node-1,agent/node-2'],
    ['pod/default?app=web', 3, 'pod/default/web-1,pod/default/web-2'],
    ['random:3/pod/default?app=web', 3, expect.stringMatching(/^pod\/default\/web-[12]$/)],
  ])('%s of %i nodes', async (text, nodes, found) => {
    expect(await resolve(text, lab(nodes))).toEqual(found);
  });

  it('gives the same for the same seed, and everything in the end', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, (_, seed) => resolve(`random:${seed}/nodes`, lab(3))));
    expect(new Set(all)).toEqual(new Set(['node/node-1', 'node/node-2', 'node/node-3']));
    expect(await resolve('random:7/nodes', lab(3))).toBe(all[7]);
  });

  it('divides by a seed so that no one is on both sides, or on none', async () => {
    const [few, most] = [await resolve('minority:9/nodes', lab(5)), await resolve('majority:9/nodes', lab(5))];
    expect([few.split(','), most.split(',')].flat().sort()).toEqual([1, 2, 3, 4, 5].map((n) => `node/node-${n}`));
    expect(few.split(',')).toHaveLength(2);
  });

  it('chooses by chance among those that are up', async () => {
    for (let seed = 0; seed < 20; seed++)
      expect(await resolve(`random:${seed}/nodes`, lab(3, ['node-1', 'node-3']))).toBe('node/node-2');
  });

  it('asks the API for labels, a role by the label kubectl shows', async () => {
    const lookups = lab(3);
    await resolve('node?role=worker', lookups);
    await resolve('pod/shop?app in (a,b)', lookups);
    expect(lookups.asked).toEqual([
      '/api/v1/nodes?labelSelector=node-role.kubernetes.io/worker',
      '/api/v1/namespaces/shop/pods?labelSelector=app in (a,b)',
    ]);
  });

  it.each([
    ['node-1 node-2,node-3', {}, 'node-1 | node-2,node-3'],
    ['minority/nodes majority/nodes,client', {}, 'node-3 | node-1,node-2,client-1'],
    ['owner/default/web client', {}, 'node-2 | client-1'],
    ['leader nats-1', { network: 'control' }, 'controller-1 | nats-1'],
  ])('reads groups %s', async (text, args, found) => {
    expect(await resolve(text, lab(3), partition, args)).toBe(found);
  });

  it.each([
    ['', kill, /Fault kill needs a target: give one of node\/NAME/],
    [
      'link/node-1-node-2',
      kill,
      /Fault kill does not act on link\/node-1-node-2: give one of node\/NAME, .*pod\/NAMESPACE\/NAME$/,
    ],
    ['pod/default/web-1', pause, /Fault pause does not act on pod\/default\/web-1/],
    ['minority/dns', kill, /"minority\/dns" names nothing: 2 dns have no minority, three have/],
    ['random/nodes', kill, /"random\/nodes" has no seed: give one, such as random:7\/nodes/],
    ['minority/things', kill, /after the \/ give one of nodes, announcers/],
    ['node?none', kill, /No node has labels none: see "kubectl get nodes --show-labels"/],
    ['pod/none?a=b', kill, /No pod in namespace none has labels a=b/],
    ['leader nats-1', partition, /"controller-1" is not on the LAN/],
  ])('refuses "%s"', async (text, verb, message) => {
    await expect(resolve(text, lab(3), verb)).rejects.toThrow(message);
  });

  it('refuses a leader that is not there', async () => {
    await expect(resolve('leader', lab(3, ['controller-1']))).rejects.toThrow('No controller leads now');
  });
});
