import { describe, expect, it } from 'vitest';
import { changed, dns, fault, history, queries } from '../../test/history.ts';
import { type DnsHistory, type History, runCheckers } from './index.ts';

const check = (h: History) => runCheckers(h).find((r) => r.check === 'dns-freshness');
const ONE = '10.244.1.2';
const TWO = '10.244.2.2';
const BOTH = [ONE, TWO];
/** web-2 leaves at 1000; TTL 1 s and the bound of 500 ms allow its address until 2500. */
const REMOVAL = changed(1000, 70, { removed: 'web-2' });
const facts = { endpoints: ['web-1', 'web-2'] };
const fresh = (until: number, then: readonly string[] = [ONE]) =>
  dns(queries(400, (ms) => (ms <= until ? BOTH : then), 1));

describe('DNS freshness', () => {
  it('has nothing to say without a DNS probe', () => {
    expect(check(history({}))).toBeUndefined();
  });

  const holds: [string, Parameters<typeof history>[0], Record<string, number>][] = [
    ['nothing changes', { dns: [fresh(9999)] }, { answers: 400, oldest_ms: 0 }],
    ['the address leaves the answers soon', { events: [REMOVAL], dns: [fresh(1020)] }, { oldest_ms: 21 }],
    ['it stays for TTL and bound', { events: [REMOVAL], dns: [fresh(2490)] }, { oldest_ms: 1491 }],
    [
      'a server answers nothing at all',
      { events: [REMOVAL], dns: [dns(queries(400, () => ({ outcome: 'timeout' })))] },
      { answers: 0, lost: 400 },
    ],
    [
      'an address is new, and in the answers before the stamp',
      {
        events: [changed(1000, 70, { added: 'web-4', places: 'web-4=10.244.3.9@node-3' })],
        dns: [dns(queries(400, (ms) => (ms < 990 ? BOTH : [...BOTH, '10.244.3.9'])))],
      },
      { oldest_ms: 0 },
    ],
    [
      'the server is kept from the store by a fault',
      { events: [REMOVAL], faults: [fault('pause', 'dns/1', 900, 3000)], dns: [fresh(3500)] },
      {},
    ],
    [
      'the last endpoint leaves',
      {
        events: [changed(1000, 70, { removed: 'web-1,web-2' })],
        dns: [dns(queries(400, (ms) => (ms <= 1010 ? BOTH : { outcome: 'nxdomain' })))],
      },
      {},
    ],
    [
      'a cluster IP stays what it is',
      {
        events: [REMOVAL],
        dns: [
          dns(
            queries(400, () => ['10.96.0.20']),
            { kind: 'fixed', addresses: ['10.96.0.20'] },
          ),
        ],
      },
      {},
    ],
  ];
  it.each(holds)('holds when %s', (_, parts, figures) => {
    expect(check(history({ facts, ...parts }))).toMatchObject({ held: true, evidence: [], figures });
  });

  const violations: [string, Parameters<typeof history>[0] & { dns: DnsHistory[] }, string, [number, string][]][] = [
    [
      'an address that stays',
      { events: [REMOVAL], dns: [fresh(9999)] },
      '172.30.0.53 answered web.shop.svc.cluster.local with 10.244.2.2 1501 ms after it was no endpoint any more; TTL and bound allow 1500 ms',
      [
        [1000, '10.244.2.2 is no ready endpoint of shop/web any more'],
        [2500, 'query 250 is sent, and 172.30.0.53 answers 10.244.1.2 10.244.2.2'],
      ],
    ],
    [
      'an address that stays because the server is told to lie',
      { events: [REMOVAL], faults: [fault('stale', 'dns/1', 900, 4000)], dns: [fresh(9999)] },
      '172.30.0.53 answered web.shop.svc.cluster.local with 10.244.2.2 1501 ms after it was no endpoint any more; TTL and bound allow 1500 ms',
      [
        [1000, '10.244.2.2 is no ready endpoint of shop/web any more'],
        [2500, 'query 250 is sent, and 172.30.0.53 answers 10.244.1.2 10.244.2.2'],
      ],
    ],
    [
      'an address nobody ever had',
      { dns: [fresh(500, [ONE, TWO, '10.9.9.9'])] },
      '172.30.0.53 answered web.shop.svc.cluster.local with 10.9.9.9, which never was right',
      [[510, 'query 51 is sent, and 172.30.0.53 answers 10.244.1.2 10.244.2.2 10.9.9.9']],
    ],
    [
      'an address that never comes',
      { events: [changed(1000, 70, { added: 'web-4', places: 'web-4=10.244.3.9@node-3' })], dns: [fresh(9999)] },
      '172.30.0.53 answered web.shop.svc.cluster.local without 10.244.3.9, 1510 ms after it became an endpoint',
      [
        [1000, '10.244.3.9 becomes a ready endpoint of shop/web'],
        [2510, 'query 251 is sent, and 172.30.0.53 answers 10.244.1.2 10.244.2.2'],
      ],
    ],
    [
      'NXDOMAIN for a name with endpoints',
      { dns: [dns(queries(400, (ms) => (ms < 700 ? BOTH : { outcome: 'nxdomain' })))] },
      '172.30.0.53 answered web.shop.svc.cluster.local without 10.244.1.2, which has all along been an endpoint',
      [[700, 'query 70 is sent, and 172.30.0.53 answers NXDOMAIN']],
    ],
    [
      'another address than the cluster IP',
      {
        dns: [
          dns(
            queries(400, (ms) => (ms < 700 ? ['10.96.0.20'] : ['10.96.0.66'])),
            { kind: 'fixed', addresses: ['10.96.0.20'] },
          ),
        ],
      },
      '172.30.0.53 answered web.shop.svc.cluster.local with 10.96.0.66, which never was right',
      [[700, 'query 70 is sent, and 172.30.0.53 answers 10.96.0.66']],
    ],
  ];
  it.each(violations)('finds %s', (_, parts, finding, evidence) => {
    const result = check(history({ facts, ...parts }));
    expect(result).toMatchObject({ held: false, finding });
    expect(result?.evidence.map((e) => [e.at_ms, e.what])).toEqual(evidence);
  });
});
