import { describe, expect, it } from 'vitest';
import { drain, type Peer, type Shaping, shaperLines, shaperReset, tokenBucket } from './shaper.ts';

const A: Peer = { end: 'src', address: '02:00:00:00:00:0a' };
const B: Peer = { end: 'src', address: '02:00:00:00:00:0b' };

/** The lines without what every class says of bursts. */
const brief = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/ burst \d+ cburst \d+ quantum 15140$/, ''));

describe('tokenBucket', () => {
  it.each([
    // 5 ms of 100 Mbit/s are 62,500 bytes, 100 ms are 1.25 MB.
    [100e6, { burst: 62_500, limit: 1_312_500 }],
    [1e6, { burst: 3200, limit: 18_340 }],
    [8000, { burst: 3200, limit: 18_340 }],
  ])('%d bit/s', (rate, expected) => {
    expect(tokenBucket(rate)).toEqual(expected);
  });
});

describe('shaperLines', () => {
  it('leaves an interface alone when nothing is wanted of it', () => {
    expect(shaperLines('l-node-1', [])).toEqual([]);
    expect(shaperReset('l-node-1').join(' ')).toBe('qdisc del dev l-node-1 root');
  });

  it('limits all that an interface sends', () => {
    expect(brief(shaperLines('l-node-1', [{ rate: 1e6 }]))).toEqual([
      'qdisc add dev l-node-1 root handle 1: htb default 1',
      'class add dev l-node-1 parent 1: classid 1:ffff htb rate 1000000bit ceil 1000000bit',
      'class add dev l-node-1 parent 1:ffff classid 1:1 htb rate 8000bit ceil 1000000bit',
      'qdisc add dev l-node-1 parent 1:1 handle 201: tbf rate 1000000bit burst 3200 limit 18340',
    ]);
  });

  it('limits one peer and no other', () => {
    expect(brief(shaperLines('l-node-1', [{ peer: A, rate: 1e6 }]))).toEqual([
      'qdisc add dev l-node-1 root handle 1: htb default 1',
      'class add dev l-node-1 parent 1: classid 1:ffff htb rate 100000000000bit ceil 100000000000bit',
      'class add dev l-node-1 parent 1:ffff classid 1:1 htb rate 8000bit ceil 100000000000bit',
      'class add dev l-node-1 parent 1:ffff classid 1:10 htb rate 8000bit ceil 1000000bit',
      'qdisc add dev l-node-1 parent 1:10 handle 210: tbf rate 1000000bit burst 3200 limit 18340',
      'filter add dev l-node-1 parent 1: protocol all prio 2 u32 match ether src 02:00:00:00:00:0a flowid 1:10',
    ]);
  });

  it.each<[string, Shaping[], Record<string, string | undefined>]>([
    ['the smallest rate of the same frames', [{ rate: 5e6 }, { rate: 2e6 }], { '1:ffff': '2000000bit' }],
    [
      'the host’s rate for a peer that may have more',
      [{ rate: 2e6 }, { peer: A, rate: 5e6 }],
      { '1:ffff': '2000000bit', '1:10': '2000000bit' },
    ],
    [
      'the peer’s own where it is smaller, each peer’s apart',
      [{ rate: 9e6 }, { peer: A, rate: 5e6 }, { peer: B, rate: 1e6 }, { peer: A, rate: 3e6 }],
      { '1:ffff': '9000000bit', '1:10': '3000000bit', '1:11': '1000000bit' },
    ],
  ])('takes %s', (_, shapings, ceilings) => {
    const lines = shaperLines('d', shapings);
    for (const [id, ceil] of Object.entries(ceilings))
      expect(lines.find((l) => l.includes(`classid ${id} `))).toContain(`ceil ${ceil} `);
  });

  it.each<[string, Shaping[], string[]]>([
    [
      'a delay',
      [{ delay: { ms: 50, jitterMs: 0 } }],
      ['qdisc add dev d parent 1:1 handle 101: netem delay 50ms limit 100000'],
    ],
    [
      'a delay with jitter, ahead of the rate',
      [{ delay: { ms: 50, jitterMs: 10 } }, { rate: 1e6 }],
      [
        'qdisc add dev d parent 1:1 handle 101: netem delay 50ms 10ms limit 100000',
        'qdisc add dev d parent 101:1 handle 201: tbf rate 1000000bit burst 3200 limit 18340',
      ],
    ],
    [
      'the host’s delay and the peer’s together for the peer',
      [{ delay: { ms: 20, jitterMs: 1 } }, { peer: A, delay: { ms: 30, jitterMs: 2 } }],
      [
        'qdisc add dev d parent 1:1 handle 101: netem delay 20ms 1ms limit 100000',
        'qdisc add dev d parent 1:10 handle 110: netem delay 50ms 3ms limit 100000',
      ],
    ],
  ])('makes %s by netem', (_, shapings, expected) => {
    expect(shaperLines('d', shapings).filter((l) => /netem|tbf/.test(l))).toEqual(expected);
  });

  it('spares the supervisor before anything else is looked at', () => {
    const spared: Peer = { end: 'dst', address: '02:73:76:63:00:02' };
    const filters = shaperLines('ctl0', [{ rate: 1e6 }, { peer: A, rate: 1e5 }], spared).filter((l) =>
      l.startsWith('filter'),
    );
    expect(filters).toEqual([
      'filter add dev ctl0 parent 1: protocol all prio 1 u32 match ether dst 02:73:76:63:00:02 flowid 1:2',
      'filter add dev ctl0 parent 1: protocol all prio 2 u32 match ether src 02:00:00:00:00:0a flowid 1:10',
    ]);
  });
});

describe('drain', () => {
  it('opens every bucket, and none where there is none', () => {
    const wholeAndPeer = drain('d', [{ rate: 1e6 }, { peer: A, delay: { ms: 5, jitterMs: 0 } }]);
    expect(wholeAndPeer.map((l) => /(?:classid|handle) (\S+)/.exec(l)?.[1])).toEqual([
      '1:ffff',
      '1:1',
      '201:',
      '1:10',
      '210:',
    ]);
    expect(drain('d', [{ rate: 1e6 }]).filter((l) => l.startsWith('qdisc'))).toEqual([
      'qdisc change dev d handle 201: tbf rate 100000000000bit burst 62500000 limit 1312500000',
    ]);
    expect(drain('d', [{ delay: { ms: 5, jitterMs: 0 } }])).toEqual([]);
  });
});
