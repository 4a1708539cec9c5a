import { describe, expect, it } from 'vitest';
import { formatIp, inRange, parseCidr, parseIp, parseRange, rangesOverlap } from './ip.ts';

describe('parseIp and formatIp', () => {
  it.each([
    ['10.96.0.10', '10.96.0.10'],
    ['255.255.255.255', '255.255.255.255'],
    ['FD00::1', 'fd00::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ])('reads %s as %s', (text, canonical) => {
    const ip = parseIp(text);
    expect(ip && formatIp(ip)).toBe(canonical);
  });
  it.each(['', 'x', '1.2.3', '1.2.3.256', '10.96.0.01', '1:2', '::1::2', '1:2:3:4:5:6:7:8:9', '12345::'])(
    'refuses %j',
    (text) => expect(parseIp(text)).toBeUndefined(),
  );
});

describe('parseCidr and parseRange', () => {
  it.each(['1.2.3.4/33', '1.2.3.4', '1.2.3.4/-1', '1.2.3.4/08', 'x/8', 'fd00::/129'])('refuses the CIDR %j', (text) =>
    expect(parseCidr(text)).toBeUndefined(),
  );
  it('knows what a range holds', () => {
    const range = parseRange('172.30.0.200-172.30.0.250');
    expect(range).toBeDefined();
    if (!range) return;
    const inside = (text: string) => inRange(range, parseIp(text) ?? { family: 'IPv4', value: -1n });
    expect(['172.30.0.199', '172.30.0.200', '172.30.0.250', '172.30.0.251'].map(inside)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
  it.each([
    ['10.0.0.0/24', '10.0.0.255-10.0.1.1', true],
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['::/0', '10.0.0.0/8', false],
  ])('says whether %s and %s overlap: %s', (a, b, expected) => {
    const [x, y] = [parseRange(a), parseRange(b)];
    expect(x && y && rangesOverlap(x, y)).toBe(expected);
  });
  it.each(['10.0.0.9-10.0.0.1', '10.0.0.1-', '10.0.0.1-fd00::1', 'a-b'])('refuses the range %j', (text) =>
    expect(parseRange(text)).toBeUndefined(),
  );
});
