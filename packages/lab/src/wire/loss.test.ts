import { describe, expect, it } from 'vitest';
import { flowsOf } from './flow.ts';
import { bridgeLoss, containerLoss, containerPolicing, removeTable } from './loss.ts';

describe('flowsOf', () => {
  it.each([
    [{ host: 'node-1' }, 'to', [{ to: 'node-1' }]],
    [{ host: 'node-1' }, 'from', [{ from: 'node-1' }]],
    [{ host: 'node-1' }, 'both', [{ to: 'node-1' }, { from: 'node-1' }]],
    [{ a: 'node-1', b: 'client-1' }, 'to', [{ from: 'node-1', to: 'client-1' }]],
    [{ a: 'node-1', b: 'client-1' }, 'from', [{ from: 'client-1', to: 'node-1' }]],
    [
      { a: 'node-1', b: 'client-1' },
      'both',
      [
        { from: 'node-1', to: 'client-1' },
        { from: 'client-1', to: 'node-1' },
      ],
    ],
  ] as const)('%j %s', (place, direction, flows) => {
    expect(flowsOf(place, direction)).toEqual(flows);
  });
});

describe('loss on the bridges', () => {
  const rules = (script: string): string[] =>
    script
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.endsWith('drop'));

  it.each([
    ['lan', [{ to: 'node-1' }], 30, ['oifname "l-node-1" numgen random mod 10000 < 3000 drop']],
    ['lan', [{ from: 'node-1' }], 0.5, ['iifname "l-node-1" numgen random mod 10000 < 50 drop']],
    ['control', [{ from: 'node-1', to: 'nats-1' }], 100, ['iifname "c-node-1" oifname "c-nats-1" drop']],
    [
      'lan',
      [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'a' },
      ],
      10,
      [
        'iifname "l-a" oifname "l-b" numgen random mod 10000 < 1000 drop',
        'iifname "l-b" oifname "l-a" numgen random mod 10000 < 1000 drop',
      ],
    ],
  ] as const)('%s %j %d %%', (network, flows, percent, expected) => {
    expect(rules(bridgeLoss('t', network, flows, percent))).toEqual(expected);
  });

  it('is one transaction that replaces the table', () => {
    expect(bridgeLoss('svclab-f1-node-1', 'lan', [{ to: 'node-1' }], 30)).toBe(`table bridge svclab-f1-node-1
delete table bridge svclab-f1-node-1
table bridge svclab-f1-node-1 {
  chain forward {
    type filter hook forward priority 0; policy accept;
    oifname "l-node-1" numgen random mod 10000 < 3000 drop
  }
}
`);
    expect(removeTable('bridge svclab-f1-node-1')).toBe(
      'table bridge svclab-f1-node-1\ndelete table bridge svclab-f1-node-1\n',
    );
  });
});

describe('in a container', () => {
  it.each([
    [{ way: 'in', interface: 'eth0' }, 'ingress', 'numgen random mod 10000 < 3000 drop'],
    [{ way: 'out', interface: 'eth1' }, 'egress', 'numgen random mod 10000 < 3000 drop'],
    [
      { way: 'in', interface: 'eth0', peer: '02:42:ac:1e:00:65' },
      'ingress',
      'ether saddr 02:42:ac:1e:00:65 numgen random mod 10000 < 3000 drop',
    ],
    [
      { way: 'out', interface: 'eth0', peer: '02:42:ac:1e:00:65' },
      'egress',
      'ether daddr 02:42:ac:1e:00:65 numgen random mod 10000 < 3000 drop',
    ],
  ] as const)('%j', (flow, hook, rule) => {
    const script = containerLoss('t', flow, 30);
    expect(script).toContain(`type filter hook ${hook} device "${flow.interface}" priority 0; policy accept;`);
    expect(script.split('\n').map((l) => l.trim())).toContain(rule);
  });

  it.each([
    [1_000_000, 'limit rate over 125000 bytes/second burst 65536 bytes drop'],
    [100_000_000, 'limit rate over 12500000 bytes/second burst 1250000 bytes drop'],
  ])('polices %d bit/s', (rate, rule) => {
    expect(containerPolicing('t', { way: 'in', interface: 'eth0' }, rate)).toContain(rule);
  });
});
