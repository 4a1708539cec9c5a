import { type ArpFrame, BROADCAST, decodeArp, encodeArp } from '@svclab/core';
import { createLogger } from '@svclab/runtime';
import { fakeClock } from '@svclab/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type Link, Responder, type Round } from './responder.ts';

const VIP = '172.30.0.200';
const THEIRS = '02:00:00:00:00:99';
const log = createLogger({ component: 'test', host: 'test', level: 'silent' });

function world(interfaces: readonly string[] = ['lan0']) {
  const clock = fakeClock();
  const sent: { at: number; link: string; frame: ArpFrame | undefined }[] = [];
  const rounds: Round[] = [];
  const answers: Answer[] = [];
  const links = interfaces.map(
    (name, i): Link => ({
      name,
      mac: `02:00:00:00:00:0${i + 1}`,
      socket: { send: (bytes) => void sent.push({ at: clock.now(), link: name, frame: decodeArp(bytes) }) },
    }),
  );
  const responder = new Responder({
    links: (names) => links.filter((l) => names.length === 0 || names.includes(l.name)),
    interval: 1100,
    duration: 5000,
    clock,
    log,
    onRound: (round) => void rounds.push(round),
    onAnswer: (answer) => void answers.push(answer),
  });
  const ask = (link: Link | undefined, change: Partial<ArpFrame> = {}): (ArpFrame | undefined)[] => {
    const before = sent.length;
    const request: ArpFrame = {
      destination: BROADCAST,
      source: THEIRS,
      operation: 'request',
      senderMac: THEIRS,
      senderIP: '172.30.0.101',
      targetMac: '00:00:00:00:00:00',
      targetIP: VIP,
      ...change,
    };
    if (link) responder.receive(encodeArp(request), link);
    return sent.slice(before).map((s) => s.frame);
  };
  return { clock, sent, rounds, answers, links, responder, ask, times: () => [...new Set(sent.map((s) => s.at))] };
}

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});

describe('bursts', () => {
  it.each<[string, (() => void)[], number[]]>([
    ['one trigger: five rounds', [], [0, 1100, 2200, 3300, 4400]],
    [
      'a trigger during the burst makes it longer, not denser',
      [() => w.clock.advance(2000), () => w.responder.announce(VIP, [])],
      [0, 1100, 2200, 3300, 4400, 5500, 6600],
    ],
    [
      'many triggers send no more than a round per interval',
      Array.from({ length: 200 }, () => () => {
        w.clock.advance(10);
        w.responder.announce(VIP, []);
      }),
      [0, 1100, 2200, 3300, 4400, 5500, 6600],
    ],
    [
      'a trigger after the burst begins another at once',
      [() => w.clock.advance(8000), () => w.responder.announce(VIP, [])],
      [0, 1100, 2200, 3300, 4400, 8000, 9100, 10_200, 11_300, 12_400],
    ],
    ['a release ends it without a packet', [() => w.clock.advance(1500), () => w.responder.release(VIP)], [0, 1100]],
    [
      'an address lost and regained is announced at once',
      [() => w.clock.advance(1500), () => w.responder.release(VIP), () => w.responder.announce(VIP, [])],
      [0, 1100, 1500, 2600, 3700, 4800, 5900],
    ],
    ['closing ends it', [() => w.clock.advance(1500), () => w.responder.close()], [0, 1100]],
  ])('%s', (_, steps, expected) => {
    w.responder.announce(VIP, []);
    for (const step of steps) step();
    w.clock.advance(20_000);
    expect(w.times()).toEqual(expected);
    expect(w.sent).toHaveLength(2 * expected.length);
    expect(w.rounds.map((r) => Number(r.atNs) / 1e6)).toEqual(expected);
    expect(w.clock.pending).toBe(0);
  });

  it('a round is a request and a reply, broadcast, sender and target the address', () => {
    w.responder.announce(VIP, []);
    for (const { frame } of w.sent)
      expect(frame).toMatchObject({
        destination: BROADCAST,
        senderMac: '02:00:00:00:00:01',
        senderIP: VIP,
        targetIP: VIP,
        targetMac: BROADCAST,
      });
    expect(w.sent.map((s) => s.frame?.operation)).toEqual(['request', 'reply']);
  });

  it('goes out on each link with its own MAC, or on the named ones', () => {
    w = world(['lan0', 'lan1']);
    w.responder.announce(VIP, []);
    w.responder.announce('172.30.0.201', ['lan1']);
    w.responder.announce('172.30.0.202', ['eth7']);
    expect(w.sent.map((s) => `${s.frame?.targetIP} ${s.link} ${s.frame?.senderMac}`)).toEqual([
      ...Array(2).fill(`${VIP} lan0 02:00:00:00:00:01`),
      ...Array(2).fill(`${VIP} lan1 02:00:00:00:00:02`),
      ...Array(2).fill('172.30.0.201 lan1 02:00:00:00:00:02'),
    ]);
    expect(w.rounds.map((r) => r.interfaces)).toEqual([['lan0', 'lan1'], ['lan1'], []]);
    expect(w.responder.total('gratuitous')).toBe(6);
  });

  it.each<[string[], boolean]>([
    [[], true],
    [['eth7'], false],
    [['eth7', 'lan0'], true],
  ])('reaches %j: %s', (interfaces, reached) => {
    expect(w.responder.reaches(interfaces)).toBe(reached);
  });

  it('goes on when a link cannot send', () => {
    w = world(['lan0', 'lan1']);
    const broken: Link = {
      name: 'lan0',
      mac: '02:00:00:00:00:01',
      socket: {
        send: () => {
          throw new Error('ENETDOWN');
        },
      },
    };
    w.links[0] = broken;
    w.responder.announce(VIP, []);
    expect(w.sent.map((s) => s.link)).toEqual(['lan1', 'lan1']);
    expect(w.responder.total('gratuitous')).toBe(2);
  });
});

describe('answers', () => {
  it('go to the asker alone, with the MAC of the link that was asked', () => {
    w = world(['lan0', 'lan1']);
    w.responder.announce(VIP, []);
    expect(w.ask(w.links[1])).toEqual([
      {
        destination: THEIRS,
        source: '02:00:00:00:00:02',
        operation: 'reply',
        senderMac: '02:00:00:00:00:02',
        senderIP: VIP,
        targetMac: THEIRS,
        targetIP: '172.30.0.101',
      },
    ]);
    expect(w.responder.counters.get(VIP)).toMatchObject({ requests: 1, replies: 1 });
  });

  it.each<[string, Partial<ArpFrame>]>([
    ['an address nobody announces here', { targetIP: '172.30.0.11' }],
    ['a reply', { operation: 'reply' }],
    ['a request for somebody else', { destination: '02:00:00:00:00:77' }],
    ['our own frame', { senderMac: '02:00:00:00:00:01' }],
  ])('are not given to %s', (_, change) => {
    w.responder.announce(VIP, []);
    expect(w.ask(w.links[0], change)).toEqual([]);
    expect(w.responder.total('requests')).toBe(0);
  });

  it('end with the release', () => {
    w.responder.announce(VIP, []);
    expect(w.ask(w.links[0])).toHaveLength(1);
    w.responder.release(VIP);
    expect(w.ask(w.links[0])).toEqual([]);
  });

  it('follow the interfaces as they are limited, in the burst too', () => {
    w = world(['lan0', 'lan1']);
    w.responder.announce(VIP, []);
    w.responder.limit(VIP, ['lan0']);
    expect(w.sent).toHaveLength(4);
    expect(w.ask(w.links[0])).toHaveLength(1);
    expect(w.ask(w.links[1])).toEqual([]);
    w.clock.advance(1100);
    expect(w.rounds.at(-1)?.interfaces).toEqual(['lan0']);
  });

  it('of an address that is not announced are not begun by a limit', () => {
    w.responder.limit(VIP, []);
    expect(w.ask(w.links[0])).toEqual([]);
  });

  it('are told of once a second for each asker', () => {
    w.responder.announce(VIP, []);
    const other = { senderIP: '172.30.0.12' };
    w.ask(w.links[0]);
    w.ask(w.links[0]);
    w.ask(w.links[0], other);
    expect(w.answers).toEqual([
      { vip: VIP, asker: '172.30.0.101', interface: 'lan0' },
      { vip: VIP, asker: '172.30.0.12', interface: 'lan0' },
    ]);
    w.clock.advance(1000);
    w.ask(w.links[0]);
    expect(w.answers).toHaveLength(3);
  });
});
