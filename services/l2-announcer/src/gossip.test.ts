import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type MembershipEvent, type MembershipSettings, type Packet, resolveKnobs } from '@svclab/core';
import { createLogger, seededRandom } from '@svclab/runtime';
import { type FakeClock, fakeClock } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gossip } from './gossip.ts';

/** Real sockets on loopback addresses, virtual time. */
const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
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

const open: { close(): unknown }[] = [];
let clock: FakeClock;
let port: number;
/** How late timers fire, ms. */
let behind = 0;

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind({ address: '127.77.0.1', port: 0 });
  await once(socket, 'listening');
  const found = socket.address().port;
  socket.close();
  await once(socket, 'close');
  return found;
}

/** A member on 127.77.0.N with what it has seen. */
async function member(n: number, token = 'secret') {
  const events: MembershipEvent[] = [];
  const waiting: { done: () => boolean; resolve: () => void }[] = [];
  const gossip = await Gossip.open({
    name: `m${n}`,
    address: `127.77.0.${n}`,
    port,
    token,
    settings,
    clock: { ...clock, now: () => clock.now() + behind },
    random: seededRandom(n),
    log,
    onEvent: (event) => {
      events.push(event);
      for (const w of waiting) if (w.done()) w.resolve();
    },
  });
  open.push(gossip);
  /** Resolves with the first event of the type. */
  const saw = async (type: MembershipEvent['type']): Promise<MembershipEvent | undefined> => {
    const done = (): boolean => events.some((e) => e.type === type);
    if (!done()) await new Promise<void>((resolve) => waiting.push({ done, resolve }));
    return events.find((e) => e.type === type);
  };
  return { gossip, events, saw };
}

/** A bare socket among the members. */
async function outsider(n: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind({ address: `127.77.0.${n}`, port });
  await once(socket, 'listening');
  open.push(socket);
  return socket;
}

beforeEach(async () => {
  clock = fakeClock();
  behind = 0;
  port = await freePort();
});
afterEach(() => {
  for (const o of open.splice(0)) o.close();
});

describe('Gossip', () => {
  it('joins, and its farewell arrives', async () => {
    const [a, b] = [await member(1), await member(2)];
    a.gossip.join(['127.77.0.2']);
    await Promise.all([a.saw('joined'), b.saw('joined')]);
    expect(a.gossip.membership.present()).toEqual(['m1', 'm2']);
    await b.gossip.leave();
    open.splice(open.indexOf(b.gossip), 1);
    expect(await a.saw('left')).toMatchObject({ name: 'm2', from: 'm2' });
    expect(a.gossip.membership.present()).toEqual(['m1']);
    expect(a.events.map((e) => e.type)).toEqual(['joined', 'left']);
  });

  it('does not hear who has another token, or none', async () => {
    const a = await member(1);
    const stranger = await member(2, 'guess');
    const socket = await outsider(3);
    stranger.gossip.join(['127.77.0.1']);
    const alive = { kind: 'alive', name: 'm3', address: '127.77.0.3', incarnation: 1, from: 'm3' } as const;
    const packet: Packet = { from: 'm3', body: { kind: 'gossip' }, updates: [alive] };
    for (const bytes of [Buffer.from(JSON.stringify(packet)), Buffer.alloc(16 + 40), Buffer.alloc(3)])
      socket.send(bytes, port, '127.77.0.1');
    // Datagrams on loopback keep their order: when this member's word is in, the others' have been read.
    const friend = await member(4);
    friend.gossip.join(['127.77.0.1']);
    await a.saw('joined');
    expect(a.gossip.membership.present()).toEqual(['m1', 'm4']);
  });

  it('grants others the time it stood still itself, and doubts its own health', async () => {
    const [a, b] = [await member(1), await member(2)];
    a.gossip.join(['127.77.0.2']);
    await Promise.all([a.saw('joined'), b.saw('joined')]);
    expect(a.gossip.membership.health).toBe(0);
    // The next timer fires 300 ms after it was due, as after SIGSTOP.
    behind = 300;
    clock.advance(a.gossip.membership.nextDeadline() - clock.now());
    expect(a.gossip.membership.health).toBe(1);
  });

  it('refuses an address that is not there', async () => {
    await expect(
      Gossip.open({
        name: 'x',
        address: '203.0.113.7',
        port,
        token: 't',
        settings,
        clock,
        random: seededRandom(1),
        log,
        onEvent: () => {},
      }),
    ).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('closes twice without harm and leaves no timer', async () => {
    const a = await member(1);
    a.gossip.close();
    a.gossip.close();
    expect(clock.pending).toBe(0);
  });
});
