import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import type { DnsOptions } from './options.ts';
import { NameResolver, type Query } from './resolver.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });
const zone: Readonly<Record<string, Readonly<Record<4 | 6, readonly string[]>>>> = {
  'both.test': { 4: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], 6: ['2001:db8::1'] },
  'six.test': { 4: [], 6: ['2001:db8::6'] },
};

function resolver(options: Partial<DnsOptions>, chance: readonly number[] = [0]) {
  const asked: string[] = [];
  let throws: string | undefined;
  const query: Query = async (name, family) => {
    asked.push(`${name}/${family}`);
    if (throws) throw failure(throws);
    const found = zone[name]?.[family] ?? [];
    if (found.length === 0) throw failure(zone[name] ? 'ENODATA' : 'ENOTFOUND');
    return found;
  };
  const clock = fakeClock();
  let n = 0;
  const random = { next: () => chance[n++ % chance.length] ?? 0 };
  const dns = { ttlMs: 0, select: 'first', policy: 'preferIPv4', ...options } as const;
  const it = new NameResolver(dns, clock, random, query);
  const take = async (name: string, times: number) => {
    const taken: string[] = [];
    for (let i = 0; i < times; i++) taken.push((await it.resolve(name)).address);
    return taken;
  };
  const fail = (code: string | undefined): void => {
    throws = code;
  };
  return { clock, asked, take, fail };
}

describe('NameResolver', () => {
  it('asks for every connection with a ttl of 0', async () => {
    const r = resolver({ ttlMs: 0 });
    await r.take('both.test', 3);
    expect(r.asked).toEqual(['both.test/4', 'both.test/4', 'both.test/4']);
  });

  it('keeps an answer for its ttl, and not a failure', async () => {
    const r = resolver({ ttlMs: 5000 });
    r.fail('ESERVFAIL');
    await expect(r.take('both.test', 1)).rejects.toThrow('ESERVFAIL');
    r.fail(undefined);
    await r.take('both.test', 2);
    r.clock.advance(4999);
    await r.take('both.test', 1);
    expect(r.asked).toHaveLength(2);
    r.clock.advance(1);
    await r.take('both.test', 1);
    expect(r.asked).toHaveLength(3);
  });

  it('keeps it for good with inf', async () => {
    const r = resolver({ ttlMs: Number.POSITIVE_INFINITY });
    await r.take('both.test', 1);
    r.clock.advance(1e9);
    await r.take('both.test', 1);
    expect(r.asked).toHaveLength(1);
  });

  it.each([
    ['first', ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.1']],
    ['roundRobin', ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.1']],
    ['random', ['192.0.2.3', '192.0.2.1', '192.0.2.2', '192.0.2.3']],
  ] as const)('selects %s', async (select, addresses) => {
    const r = resolver({ select }, [0.99, 0, 0.5]);
    expect(await r.take('both.test', 4)).toEqual(addresses);
  });

  it.each([
    ['preferIPv4', 'both.test', '192.0.2.1', 1],
    ['preferIPv6', 'both.test', '2001:db8::1', 1],
    ['onlyIPv4', 'both.test', '192.0.2.1', 1],
    ['onlyIPv6', 'both.test', '2001:db8::1', 1],
    ['any', 'both.test', '192.0.2.1', 2],
    ['preferIPv4', 'six.test', '2001:db8::6', 2],
    ['any', 'six.test', '2001:db8::6', 2],
  ] as const)('%s of %s is %s after %d queries', async (policy, name, address, queries) => {
    const r = resolver({ policy });
    expect(await r.take(name, 1)).toEqual([address]);
    expect(r.asked).toHaveLength(queries);
  });

  it('says what the servers said', async () => {
    const r = resolver({ policy: 'onlyIPv4' });
    await expect(r.take('six.test', 1)).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(r.take('gone.test', 1)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    r.fail('ETIMEOUT');
    await expect(r.take('both.test', 1)).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  it('does not ask the other family of a server that does not answer', async () => {
    const r = resolver({ policy: 'any' });
    r.fail('ETIMEOUT');
    await expect(r.take('both.test', 1)).rejects.toThrow();
    expect(r.asked).toEqual(['both.test/4']);
  });

  it('takes an address as it is', async () => {
    const r = resolver({});
    expect(await r.take('192.0.2.9', 1)).toEqual(['192.0.2.9']);
    expect(r.asked).toEqual([]);
  });
});
