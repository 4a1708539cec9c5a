import { describe, expect, it } from 'vitest';
import { lanAddress } from './lan-address.ts';

const OWN = '172.30.0.2';

describe('lanAddress()', () => {
  it.each<[string, string[], string | undefined]>([
    ['its own', ['127.0.0.1', '172.30.1.4', OWN], OWN],
    ['its own among others of the LAN', ['172.30.0.130', OWN], OWN],
    ['another one of the LAN', ['172.30.1.4', '172.30.0.130'], '172.30.0.130'],
    ['none', ['127.0.0.1', '172.30.1.4'], undefined],
  ])('is %s', (_, addresses, expected) => {
    const local = [
      { family: 'IPv6', address: 'fe80::1' },
      ...addresses.map((address) => ({ family: 'IPv4', address })),
    ];
    expect(lanAddress(local, OWN, '172.30.0.0/24')).toBe(expected);
  });
});
