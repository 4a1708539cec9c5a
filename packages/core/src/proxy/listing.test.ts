import { describe, expect, it } from 'vitest';
import { parseListing } from './listing.ts';

describe('parseListing()', () => {
  const listing = (elem: unknown, handle: number): string =>
    JSON.stringify({
      nftables: [
        { metainfo: { version: '1.0.6' } },
        { table: { family: 'ip', name: 'svclab-proxy', handle } },
        { map: { name: 'service-ips', type: ['ipv4_addr'], handle, ...(elem ? { elem } : {}) } },
        { chain: { name: 'services', handle } },
        { rule: { chain: 'services', handle, expr: [{ drop: null }] } },
        { chain: { name: 'cluster-of-2', handle } },
        { rule: { chain: 'cluster-of-2', handle, expr: [{ accept: null }] } },
      ],
    });

  it('reads elements as they are written', () => {
    const { elements } = parseListing(
      listing([[{ concat: ['10.96.0.5', 'tcp', 80] }, { goto: { target: 'cluster-ip' } }]], 1),
    );
    expect([...elements['service-ips']]).toEqual([['10.96.0.5 . 6 . 80', 'goto cluster-ip']]);
  });

  it('compares the structure without elements, handles and shared chains', () => {
    const a = parseListing(listing(undefined, 1));
    const b = parseListing(listing([[{ concat: ['10.96.0.5', 'tcp', 80] }, { goto: { target: 'x' } }]], 9));
    expect(b.structure).toBe(a.structure);
    expect([...a.shared.keys()]).toEqual(['cluster-of-2']);
  });

  it.each(['', '[]', '{}'])('refuses %j', (text) => expect(() => parseListing(text)).toThrow());
});
