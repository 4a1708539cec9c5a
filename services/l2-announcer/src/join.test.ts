import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { Joiner, peersOf } from './join.ts';

const PROBE_INTERVAL = 1000;
const PATIENCE = 2 * PROBE_INTERVAL;

function world(peers = ['node-2', 'node-3']) {
  const clock = fakeClock();
  const asked: { at: number; addresses: readonly string[] }[] = [];
  const member = { informed: false, present: new Set(['node-1']) };
  const begun = clock.now();
  const joiner = new Joiner({
    gossip: {
      join: (addresses) => void asked.push({ at: clock.now() - begun, addresses }),
      membership: {
        get informed() {
          return member.informed;
        },
        present: () => [...member.present],
        cutOff: () => {
          member.informed = false;
        },
      },
    },
    clock,
    probeInterval: PROBE_INTERVAL,
    peers: () => new Map(peers.map((name) => [name, `ip of ${name}`])),
  });
  /** Whether a promise has resolved by now. */
  const follow = (promise: Promise<void>) => {
    let over = false;
    void promise.then(() => {
      over = true;
    });
    return async (): Promise<boolean> => {
      for (let i = 0; i < 5; i++) await Promise.resolve();
      return over;
    };
  };
  return { clock, asked, member, joiner, follow };
}

describe('the start', () => {
  it('asks until a peer has told its member list', async () => {
    const { asked, clock, follow, joiner, member } = world();
    const over = follow(joiner.start());
    clock.advance(50);
    expect(await over()).toBe(false);
    expect(asked.map((a) => a.at)).toEqual([0, 20, 40]);
    expect(asked[0]?.addresses).toEqual(['ip of node-2', 'ip of node-3']);
    member.present.add('node-2');
    joiner.joined();
    expect(await over()).toBe(false);
    member.informed = true;
    joiner.joined();
    expect(await over()).toBe(true);
  });

  it('believes that it is alone when nobody answers', async () => {
    const { clock, follow, joiner } = world();
    const over = follow(joiner.start());
    clock.advance(PATIENCE - 1);
    expect(await over()).toBe(false);
    clock.advance(20);
    expect(await over()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('waits for nobody where there is nobody', async () => {
    const { asked, follow, joiner } = world([]);
    expect(await follow(joiner.start())()).toBe(true);
    expect(asked).toEqual([]);
  });
});

describe('the return', () => {
  it('asks everyone, and waits for everyone to be a member by a peer that was heard since', async () => {
    const { asked, clock, follow, joiner, member } = world();
    member.informed = true;
    member.present.add('node-2');
    const over = follow(joiner.rejoin());
    expect(asked).toEqual([{ at: 0, addresses: ['ip of node-2', 'ip of node-3'] }]);
    member.informed = true;
    clock.advance(100);
    expect(await over()).toBe(false);
    member.present.add('node-3');
    clock.advance(100);
    expect(await over()).toBe(true);
  });

  it('is not held up by a member list of before', async () => {
    const { clock, follow, joiner, member } = world();
    member.informed = true;
    member.present.add('node-2').add('node-3');
    const over = follow(joiner.rejoin());
    clock.advance(100);
    expect(await over()).toBe(false);
    member.informed = true;
    clock.advance(100);
    expect(await over()).toBe(true);
  });

  it('goes on without those that do not answer', async () => {
    const { clock, follow, joiner } = world();
    const over = follow(joiner.rejoin());
    clock.advance(PATIENCE);
    expect(await over()).toBe(true);
  });
});

describe('peersOf()', () => {
  it('are the nodes there were, without those removed, and those registered since, at their latest address', () => {
    const lab = {
      hosts: [
        { name: 'node-1', role: 'node', lanIP: '172.30.0.11' },
        { name: 'node-2', role: 'node', lanIP: '172.30.0.12' },
        { name: 'node-3', role: 'node', lanIP: '172.30.0.13' },
        { name: 'dns-1', role: 'dns', lanIP: '172.30.0.2' },
      ],
    } as const;
    const node = (name: string, address: string) => ({
      apiVersion: 'v1' as const,
      kind: 'Node' as const,
      metadata: { name },
      spec: {},
      status: { addresses: [{ type: 'InternalIP', address }] },
    });
    const nodes = [node('node-1', '172.30.0.11'), node('node-2', '172.30.0.99'), node('node-4', '172.30.0.14')];
    expect([...peersOf({ host: { name: 'node-1' }, lab }, nodes, new Set(['node-3']))]).toEqual([
      ['node-2', '172.30.0.99'],
      ['node-4', '172.30.0.14'],
    ]);
  });
});
