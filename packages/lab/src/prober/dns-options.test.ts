import { describe, expect, it } from 'vitest';
import { formatDnsUrl, isDnsProbe, parseDnsArguments, parseDnsUrl } from './dns-options.ts';
import { ProbeUsageError } from './options.ts';

const NAME = 'web.shop.svc.cluster.local';

describe('parseDnsUrl', () => {
  it.each([
    [`dns://${NAME}`, { name: NAME, servers: [] }],
    [`dns://${NAME}./`, { name: NAME, servers: [] }],
    [`dns://${NAME}@172.30.0.53`, { name: NAME, servers: [{ address: '172.30.0.53', port: 53 }] }],
    [
      'dns://a@10.0.0.1:5353,[fd00::1],[fd00::2]:54',
      {
        name: 'a',
        servers: [
          { address: '10.0.0.1', port: 5353 },
          { address: 'fd00::1', port: 53 },
          { address: 'fd00::2', port: 54 },
        ],
      },
    ],
  ])('reads %s', (text, target) => {
    expect(parseDnsUrl(text)).toEqual(target);
    expect(parseDnsUrl(formatDnsUrl(target))).toEqual(target);
  });

  it.each([
    ['dns://', 'names no record'],
    ['dns://a..b', 'names no record'],
    ['dns://a@b@c', 'names no record'],
    ['dns://a@dns-1', '"dns-1" is no DNS server: give an address'],
    ['dns://a@1.2.3', '"1.2.3" is no DNS server'],
    ['dns://a@1.2.3.4:99999', '"1.2.3.4:99999" is no DNS server'],
    ['dns://a@', '"" is no DNS server'],
  ])('refuses %s', (text, message) => {
    expect(() => parseDnsUrl(text)).toThrow(ProbeUsageError);
    expect(() => parseDnsUrl(text)).toThrow(message);
  });
});

describe('parseDnsArguments', () => {
  it('has the pace of the HTTP prober and asks for A', () => {
    expect(parseDnsArguments([`dns://${NAME}@10.0.0.1`])).toMatchObject({
      type: 'A',
      intervalMs: 10,
      timeoutMs: 500,
      durationMs: undefined,
    });
  });
  it('takes the type in either case, and the options in any order', () => {
    const argv = ['--type', 'aaaa', '--duration', '2', 'dns://a@10.0.0.1', '-o', 'json'];
    expect(isDnsProbe(argv)).toBe(true);
    expect(parseDnsArguments(argv)).toMatchObject({ type: 'AAAA', durationMs: 2000, json: true });
  });
  it.each([
    [['dns://a@10.0.0.1', '--type', 'SRV'], '--type does not take "SRV": give A or AAAA'],
    [['dns://a'], '"dns://a" names no server'],
    [['dns://a@10.0.0.1', 'dns://b@10.0.0.1'], 'Give one name, not 2'],
    [['dns://a@10.0.0.1', '--interval', '0ms'], '--interval does not take "0ms"'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseDnsArguments(argv)).toThrow(message);
  });
});
