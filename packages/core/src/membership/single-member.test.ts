/** Single members: what one step takes in and gives out. */
import { describe, expect, it } from 'vitest';
import { resolveKnobs } from '../lab/knobs.ts';
import { Membership } from './membership.ts';
import type { Body, MembershipSettings, Update } from './messages.ts';

const k = resolveKnobs('realistic', {});
const settings: MembershipSettings = {
  probeInterval: k['membership.probeInterval'],
  probeTimeout: k['membership.probeTimeout'],
  indirectChecks: k['membership.indirectChecks'],
  suspicionMult: k['membership.suspicionMult'],
  suspicionMaxTimeoutMult: k['membership.suspicionMaxTimeoutMult'],
  retransmitMult: k['membership.retransmitMult'],
  gossipInterval: k['membership.gossipInterval'],
  gossipNodes: k['membership.gossipNodes'],
  gossipToTheDeadTime: k['membership.gossipToTheDeadTime'],
  pushPullInterval: k['membership.pushPullInterval'],
  awarenessMaxMultiplier: k['membership.awarenessMaxMultiplier'],
};

const update = (kind: Update['kind'], name: string, incarnation = 1, from = name): Update => ({
  kind,
  name,
  address: name,
  incarnation,
  from,
});

/** A member `me` that knows of `peers` others, `p1` and so on. */
function member(peers: number) {
  let seed = 7;
  const random = {
    next: () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    },
  };
  const me = new Membership({ name: 'me', address: 'me', settings, random }, 0);
  const hear = (updates: readonly Update[], now: number, body: Body = { kind: 'gossip' }) =>
    me.receive({ from: 'p1', body, updates }, 'p1', now);
  hear(
    Array.from({ length: peers }, (_, i) => update('alive', `p${i + 1}`)),
    0,
  );
  /** Lets time pass; peers named acknowledge whatever asks them. */
  const run = (from: number, to: number, answer: readonly string[]): void => {
    for (let now = from; now <= to; now = Math.max(now, me.nextDeadline())) {
      for (const { address, packet } of me.advance(now).sends)
        if (packet.body.kind === 'ping' && answer.includes(address))
          me.receive({ from: address, body: { kind: 'ack', seq: packet.body.seq }, updates: [] }, address, now);
      if (me.nextDeadline() <= now) throw new Error(`Deadline ${me.nextDeadline()} is still due at ${now}`);
    }
  };
  const state = (name: string): string | undefined => me.members().find((m) => m.name === name)?.state;
  return { me, hear, run, state };
}

describe('informed', () => {
  it('is who has been told all a peer knows, and not who was cut off since', () => {
    const { hear, me } = member(2);
    expect(me.informed).toBe(false);
    const tell = (): unknown => hear([], 10, { kind: 'push-pull', reply: true, members: [] });
    tell();
    expect(me.informed).toBe(true);
    me.cutOff();
    expect(me.informed).toBe(false);
    expect(me.present()).toEqual(['me', 'p1', 'p2']);
    tell();
    expect(me.informed).toBe(true);
  });
});

describe('leave', () => {
  it('tells each of a dozen peers directly', () => {
    const { me } = member(12);
    const { sends } = me.leave(1000);
    expect(sends.map((s) => s.address).sort()).toEqual(Array.from({ length: 12 }, (_, i) => `p${i + 1}`).sort());
    for (const { packet } of sends) expect(packet.updates).toContainEqual(update('dead', 'me'));
  });
});

describe('members that have gone', () => {
  it.each<[string, Update, string]>([
    ['died', update('dead', 'p2', 1, 'p1'), 'dead'],
    ['left', update('dead', 'p2'), 'left'],
  ])('that %s are forgotten after gossipToTheDeadTime', (_, news, gone) => {
    const { hear, run, state } = member(3);
    hear([news], 0);
    run(0, 29_000, ['p1', 'p3']);
    expect(state('p2')).toBe(gone);
    run(29_000, 40_000, ['p1', 'p3']);
    expect(state('p2')).toBeUndefined();
    hear([update('suspect', 'p2', 1, 'p3')], 40_000);
    expect(state('p2')).toBeUndefined();
    expect(hear([update('alive', 'p2', 2)], 40_000).events).toMatchObject([{ type: 'joined', name: 'p2' }]);
  });

  it('are not waited for to confirm a later suspicion', () => {
    const suspicionOf = (warmUp: number): number => {
      const { me, hear, run, state } = member(3);
      hear([update('dead', 'p2', 1, 'p1')], 0);
      run(0, warmUp, ['p1', 'p3']);
      hear([update('suspect', 'p3', 1, 'p1')], warmUp);
      for (let now = warmUp; now < warmUp + 60_000; now += 10) {
        for (const { address, packet } of me.advance(now).sends)
          if (packet.body.kind === 'ping' && address === 'p1') hear([], now, { kind: 'ack', seq: packet.body.seq });
        if (state('p3') === 'dead') return now - warmUp;
      }
      throw new Error('Member p3 was never declared dead');
    };
    // Two left of three: the shortest suspicion at once. With the dead one still counted: one confirmation of two.
    expect(suspicionOf(40_000)).toBe(4000);
    expect(suspicionOf(1000)).toBeGreaterThan(11_000);
  });

  it('leave nobody to gossip to, so nothing wakes the last one for it', () => {
    const { me, hear, run } = member(1);
    run(0, 5000, ['p1']);
    hear([update('dead', 'p1')], 5000);
    const wakeUps: number[] = [];
    for (let now = me.nextDeadline(); now < 15_000; now = me.nextDeadline()) {
      wakeUps.push(now);
      me.advance(now);
    }
    // The probe of nobody, once an interval.
    expect(wakeUps.length).toBeLessThanOrEqual(11);
  });
});

describe('refutation', () => {
  it.each<[string, Update, number]>([
    ['a suspicion', update('suspect', 'me', 1, 'p1'), 2],
    ['a death', update('dead', 'me', 4, 'p1'), 5],
    ['a farewell of an earlier life', update('dead', 'me', 6), 7],
    ['a higher incarnation of an earlier life', update('alive', 'me', 8), 9],
  ])('of %s raises the incarnation above it', (_, doubt, incarnation) => {
    const { me, hear } = member(2);
    for (const body of [{ kind: 'gossip' }, { kind: 'push-pull', reply: true, members: [] }] as Body[])
      hear([doubt], 0, body);
    expect(me.members().find((m) => m.name === 'me')).toMatchObject({ state: 'alive', incarnation });
    const told = me.advance(me.nextDeadline()).sends.flatMap((s) => s.packet.updates);
    expect(told).toContainEqual(update('alive', 'me', incarnation));
  });

  it('is not made by one that leaves', () => {
    const { me, hear } = member(2);
    me.leave(10);
    hear([update('suspect', 'me', 1, 'p1')], 20);
    hear([update('dead', 'me', 1, 'p1')], 20);
    expect(me.members().find((m) => m.name === 'me')).toMatchObject({ state: 'left', incarnation: 1 });
  });
});

describe('push-pull', () => {
  it("takes another's word of a death for a suspicion, and a farewell for itself", () => {
    const { hear, state } = member(3);
    const members = [update('dead', 'p2', 1, 'p1'), update('dead', 'p3')];
    hear([], 10, { kind: 'push-pull', reply: true, members });
    expect([state('p2'), state('p3')]).toEqual(['suspect', 'left']);
  });

  it('is answered with everything known', () => {
    const { hear } = member(2);
    const { sends } = hear([], 10, { kind: 'push-pull', reply: false, members: [] });
    const [answer] = sends.filter((s) => s.packet.body.kind === 'push-pull');
    expect(answer?.address).toBe('p1');
    expect(answer?.packet.body).toMatchObject({
      reply: true,
      members: [update('alive', 'me'), { name: 'p1' }, { name: 'p2' }],
    });
  });
});
