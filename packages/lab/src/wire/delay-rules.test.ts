import { describe, expect, it } from 'vitest';
import { heldFrames, holdRules, relayLines, sourcesOf, tapLines, untapLines } from './delay-rules.ts';

const HOSTS = ['dns-1', 'node-1', 'node-2', 'client-1'];
const SUPERVISOR = '02:73:76:63:00:02';
const addressOf = (host: string): string | undefined => (host === 'node-2' ? undefined : `mac-of-${host}`);

describe('heldFrames', () => {
  it.each([
    ['what comes to a host, on its port', [{ to: 'node-1' }], 'lan', undefined, [{ port: 'l-node-1' }]],
    [
      'what a host sends, on the ports of all others',
      [{ from: 'node-1' }],
      'lan',
      undefined,
      [
        { port: 'l-dns-1', source: 'mac-of-node-1' },
        { port: 'l-node-2', source: 'mac-of-node-1' },
        { port: 'l-client-1', source: 'mac-of-node-1' },
      ],
    ],
    [
      'what two hosts send each other',
      [
        { from: 'node-1', to: 'client-1' },
        { from: 'client-1', to: 'node-1' },
      ],
      'lan',
      undefined,
      [
        { port: 'l-client-1', source: 'mac-of-node-1' },
        { port: 'l-node-1', source: 'mac-of-client-1' },
      ],
    ],
    [
      'nothing of the supervisor',
      [{ to: 'node-1' }],
      'control',
      SUPERVISOR,
      [{ port: 'c-node-1', source: SUPERVISOR, not: true }],
    ],
    ['nothing from a host that is off', [{ from: 'node-2' }], 'lan', undefined, []],
    ['nothing for a host that is off', [{ to: 'node-9' }], 'lan', undefined, []],
  ] as const)('%s', (_, flows, network, supervisor, expected) => {
    expect(heldFrames(flows, network, HOSTS, addressOf, supervisor)).toEqual(expected);
  });

  it('needs the addresses of senders', () => {
    expect(sourcesOf([{ to: 'a' }, { from: 'b' }, { from: 'c', to: 'd' }])).toEqual(['b', 'c']);
  });
});

describe('the pairs', () => {
  it('are made and taken away', () => {
    expect(tapLines([7], true)).toEqual([
      'link add sd7a type veth peer name sd7b',
      'link set sd7a addrgenmode none up',
      'link set sd7b addrgenmode none up',
    ]);
    expect(untapLines([7, 8])).toEqual(['link del sd7a', 'link del sd8a']);
  });

  it('have segments cut up where the relay could not carry them', () => {
    expect(tapLines([7], false)[0]).toBe('link add sd7a gso_max_segs 1 type veth peer name sd7b');
  });
});

describe('the rules', () => {
  const held = [{ port: 'l-node-1' }, { port: 'l-client-1', source: 'aa' }, { port: 'c-x', source: 'bb', not: true }];

  it('turn aside what is meant, but not what was held already', () => {
    expect(holdRules('svclab-f1-node-1', held, [3, 4, 5], 2)).toBe(`table netdev svclab-f1-node-1
delete table netdev svclab-f1-node-1
table netdev svclab-f1-node-1 {
  chain hold0 {
    type filter hook egress device "l-node-1" priority 2; policy accept;
    meta mark < 2 fwd to "sd3a"
  }
  chain tap0 {
    type filter hook ingress device "sd3b" priority 0; policy drop;
  }
  chain hold1 {
    type filter hook egress device "l-client-1" priority 2; policy accept;
    meta mark < 2 ether saddr aa fwd to "sd4a"
  }
  chain tap1 {
    type filter hook ingress device "sd4b" priority 0; policy drop;
  }
  chain hold2 {
    type filter hook egress device "c-x" priority 2; policy accept;
    meta mark < 2 ether saddr != bb fwd to "sd5a"
  }
  chain tap2 {
    type filter hook ingress device "sd5b" priority 0; policy drop;
  }
}
`);
  });

  it('go with what the relay copies', () => {
    expect(relayLines(held, [3, 4, 5])).toEqual([
      { tap: 'sd3b', port: 'l-node-1' },
      { tap: 'sd4b', port: 'l-client-1' },
      { tap: 'sd5b', port: 'c-x' },
    ]);
  });
});
