/** One member alone, its peers played by the test. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Membership } from './membership.ts';
import type { MembershipSettings, Packet, Send, Update } from './messages.ts';
import { remainingSuspicion, Suspicion, suspicionTimeout } from './suspicion.ts';

const settings: MembershipSettings = {
  probeInterval: 1000,
  probeTimeout: 500,
  indirectChecks: 3,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  retransmitMult: 4,
  gossipInterval: 200,
  gossipNodes: 3,
  gossipToTheDeadTime: 30_000,
  pushPullInterval: 30_000,
  awarenessMaxMultiplier: 8,
};
const update = (kind: Update['kind'], name: string, more: Partial<Update> = {}): Update => ({
  kind,
  name,
  address: name,
  incarnation: 1,
  from: name,
  ...more,
});
const gossip = (from: string, ...updates: Update[]): Packet => ({ from, body: { kind: 'gossip' }, updates });

let member: Membership;
let now: number;
let sent: Send[];

const say = (packet: Packet): void => {
  const { sends } = member.receive(packet, packet.from, now);
  sent.push(...sends);
};
/** Lets time pass; `answer` gives the acks of peers that live. */
const run = (ms: number, living: readonly string[] = []): void => {
  const end = now + ms;
  while (member.nextDeadline() <= end) {
    now = Math.max(now, member.nextDeadline());
    const { sends } = member.advance(now);
    sent.push(...sends);
    for (const { address, packet } of sends)
      if (packet.body.kind === 'ping' && living.includes(address))
        say({ from: address, body: { kind: 'ack', seq: packet.body.seq }, updates: [] });
  }
  now = end;
};
const state = (name: string): string | undefined => member.members().find((m) => m.name === name)?.state;
const suspicions = (to: (address: string) => boolean): Update[] =>
  sent.filter((s) => to(s.address)).flatMap((s) => s.packet.updates.filter((u) => u.kind === 'suspect'));

beforeEach(() => {
  now = 0;
  sent = [];
  member = new Membership({ name: 'm0', address: 'm0', settings, random: { next: () => 0.5 } }, now);
  say(gossip('m1', ...['m1', 'm2', 'm3', 'm4'].map((name) => update('alive', name))));
});

describe('suspicion', () => {
  it.each([
    [2, 4000],
    [10, 4000],
    [20, 5204],
    [100, 8000],
  ])('%i members: at least %i ms', (members, ms) => {
    expect(Math.round(suspicionTimeout(4, members, 1000))).toBe(ms);
  });

  it.each([
    [0, 24_000],
    [1, 11_381],
    [2, 4000],
    [3, 4000],
  ])('with %i confirmations of two: %i ms', (confirmations, ms) => {
    expect(Math.round(remainingSuspicion({ confirmations, expected: 2, min: 4000, max: 24_000 }))).toBe(ms);
  });

  it('counts each witness once, the first included, and none it does not expect', () => {
    const suspicion = new Suspicion({ now: 0, incarnation: 1, from: 'a', expected: 2, min: 4000, max: 24_000 });
    expect(['a', 'b', 'b', 'c', 'd'].map((from) => suspicion.confirm(from))).toEqual([false, true, false, true, false]);
    expect(suspicion.deadline).toBe(4000);
    suspicion.extend(250);
    expect(suspicion.deadline).toBe(4250);
  });
});

describe('Membership', () => {
  it('tells a suspect of the suspicion with each ping, and nobody else that it suspects by itself', () => {
    say(gossip('m2', update('suspect', 'm1', { from: 'm2' })));
    run(5000, ['m1', 'm2', 'm3', 'm4']);
    expect(suspicions((a) => a === 'm1').map((u) => u.from)).toContain('m0');
    expect(suspicions((a) => a !== 'm1').map((u) => u.from)).not.toContain('m0');
  });

  it('says so when its own probe has failed', () => {
    run(8000, ['m2', 'm3', 'm4']);
    expect(state('m1')).toBe('suspect');
    expect(suspicions((a) => a !== 'm1').map((u) => u.from)).toContain('m0');
  });

  it('does not hold what a former life has left unanswered against the one that has come back', () => {
    while (!sent.some((s) => s.address === 'm1' && s.packet.body.kind === 'ping')) run(100, ['m2', 'm3', 'm4']);
    say(gossip('m1', update('alive', 'm1', { incarnation: 2 })));
    run(settings.probeInterval, ['m1', 'm2', 'm3', 'm4']);
    expect(state('m1')).toBe('alive');
  });

  it('takes a death it is told in an exchange for a suspicion of its own', () => {
    const members = [update('dead', 'm1', { from: 'm3' }), update('suspect', 'm2', { from: 'm3' })];
    say({ from: 'm3', body: { kind: 'push-pull', reply: true, members }, updates: [] });
    expect([state('m1'), state('m2')]).toEqual(['suspect', 'suspect']);
    run(300);
    expect(suspicions(() => true).map((u) => `${u.name} by ${u.from}`)).toContain('m1 by m0');
  });

  it('is informed by an exchange, not by the first word it hears', () => {
    expect(member.informed).toBe(false);
    say({ from: 'm1', body: { kind: 'push-pull', reply: true, members: [update('alive', 'm1')] }, updates: [] });
    expect(member.informed).toBe(true);
  });

  it('refutes what is said against itself by a higher incarnation', () => {
    say(gossip('m1', update('suspect', 'm0', { incarnation: 4, from: 'm1' })));
    expect(member.members().find((m) => m.name === 'm0')?.incarnation).toBe(5);
    expect(member.health).toBe(1);
    run(200);
    expect(sent.flatMap((s) => s.packet.updates)).toContainEqual(update('alive', 'm0', { incarnation: 5 }));
  });

  it('ignores what is older than what it knows', () => {
    say(gossip('m1', update('alive', 'm2', { incarnation: 7 })));
    say(gossip('m1', update('suspect', 'm2', { incarnation: 6, from: 'm1' })));
    say(gossip('m1', update('dead', 'm2', { incarnation: 6, from: 'm1' })));
    expect(state('m2')).toBe('alive');
  });

  it('forgets the dead when they have been told long enough', () => {
    say(gossip('m2', update('dead', 'm1', { from: 'm2' })));
    run(settings.gossipToTheDeadTime - 1000, ['m2', 'm3', 'm4']);
    expect(state('m1')).toBe('dead');
    run(10_000, ['m2', 'm3', 'm4']);
    expect(state('m1')).toBeUndefined();
    say(gossip('m1', update('alive', 'm1')));
    expect(state('m1')).toBe('alive');
  });

  it('gives what it waits for the time that it stood still itself', () => {
    run(1000);
    const before = member.nextDeadline();
    member.stalled(700);
    expect(member.nextDeadline()).toBe(before + 700);
  });
});
