import { describe, expect, it } from 'vitest';
import { parseArgs } from './args.ts';
import type { FaultContext } from './definition.ts';
import { dnsNameOf, isOff, planDns } from './dns-control.ts';
import { dnsNxdomain } from './dns-nxdomain.ts';
import { dnsSlow } from './dns-slow.ts';
import { dnsWrong } from './dns-wrong.ts';

const target = { kind: 'process', host: 'dns-1', component: 'dns' } as const;
const context = { config: { domain: 'cluster.local' } } as FaultContext;

describe('the name a fault of DNS is for', () => {
  it.each([
    [{}, ''],
    [{ service: 'default/web' }, 'web.default.svc.cluster.local'],
    [{ 'dns-name': 'example.org.' }, 'example.org'],
    [{ 'dns-name': '*.shop.svc.cluster.local' }, '*.shop.svc.cluster.local'],
  ])('%j is "%s"', (args, name) => {
    expect(dnsNameOf(parseArgs(dnsNxdomain, args), 'cluster.local')).toBe(name);
  });

  it.each([
    [{ service: 'web' }, /give NAMESPACE\/NAME/],
    [{ service: 'a/b', 'dns-name': 'c.d' }, /give one of them/],
    [{ 'dns-name': 'a..b' }, /give a full name/],
    [{ percent: '0' }, /percent/],
  ])('%j is refused', (args, says) => {
    expect(() => parseArgs(dnsNxdomain, args)).toThrow(says);
  });
});

describe('arguments taken together', () => {
  it('jitter is no more than the delay', () => {
    expect(() => parseArgs(dnsSlow, { delay: '10ms', jitter: '11ms' })).toThrow(/jitter .* is 11 ms: give no more/);
    expect(() => parseArgs(dnsSlow, {})).toThrow(/needs argument "delay"/);
  });

  it('an address is one', () => {
    expect(() => parseArgs(dnsWrong, { address: '10.0.0' })).toThrow(/address .* is "10\.0\.0"/);
    expect(parseArgs(dnsWrong, {}).address).toBe('192.0.2.1');
  });
});

describe('the plan', () => {
  it('names server, answer, share and name', () => {
    const args = parseArgs(dnsWrong, { service: 'default/web', percent: '30' });
    expect(planDns(target, args, context, 'answers 192.0.2.1')).toEqual([
      'dns/1: answers 192.0.2.1 to 30 % of the questions for web.default.svc.cluster.local',
    ]);
    expect(dnsNxdomain.plan(target, parseArgs(dnsNxdomain, {}), context)).toEqual([
      'dns/1: answers NXDOMAIN to the questions for every name',
    ]);
  });
});

describe('isOff()', () => {
  const lab = (up: boolean) => ({ isUp: () => up }) as never;
  it.each([
    ['netns', true, false],
    ['netns', false, true],
    ['docker', false, false],
  ] as const)('%s, up %s: %s', (driver, up, off) => {
    expect(isOff('dns-1', { driver, lab: lab(up) })).toBe(off);
  });
});
