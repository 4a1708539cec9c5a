import { describe, expect, it } from 'vitest';
import { type DnsFault, dnsFate, dnsFaultProblem, isForName } from './fault.ts';
import type { DnsAnswer, DnsRecord } from './record.ts';

const fault = (changes: Partial<DnsFault> = {}): DnsFault => ({
  id: 'f',
  kind: 'nxdomain',
  name: '',
  share: 1,
  delayMs: 0,
  jitterMs: 0,
  address: '',
  ...changes,
});
const a = (data: string, name = 'web.ns'): DnsRecord => ({ name, ttl: 5, type: 'A', data });
const answered = (answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): DnsAnswer => ({
  rcode: 'NOERROR',
  answers,
  authorities: [],
  additionals,
});
const soa: DnsRecord = {
  name: 'cluster.local',
  ttl: 5,
  type: 'SOA',
  data: { mname: 'ns', rname: 'h', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5 },
};
const decide = (faults: readonly DnsFault[], answer: DnsAnswer | undefined, chances: readonly number[] = []) => {
  const left = [...chances];
  return dnsFate(faults, { name: 'web.ns', type: 'A' }, answer, {
    soa: () => soa,
    chance: () => left.shift() ?? Number.NaN,
  });
};
const right = answered([a('10.96.0.7')]);

describe('dnsFate()', () => {
  it('leaves a right answer alone without faults', () => {
    expect(decide([], right)).toEqual({ answer: right, delayMs: 0, dropped: false });
  });

  it('answers NXDOMAIN with the start of authority, SERVFAIL, or nothing', () => {
    expect(decide([fault()], right).answer).toEqual({
      rcode: 'NXDOMAIN',
      answers: [],
      authorities: [soa],
      additionals: [],
    });
    expect(decide([fault({ kind: 'servfail' })], right).answer).toBeUndefined();
    expect(decide([fault({ kind: 'drop' })], right)).toEqual({ answer: right, delayMs: 0, dropped: true });
  });

  it('puts one wrong address in place of those of its family, and leaves the rest', () => {
    const wrong = fault({ kind: 'wrong', address: '10.1.2.3' });
    const cname: DnsRecord = { name: 'alias', ttl: 5, type: 'CNAME', data: 'web.ns' };
    const six: DnsRecord = { name: 'web.ns', ttl: 5, type: 'AAAA', data: 'fd00::1' };
    const answer = answered([cname, a('10.96.0.7'), a('10.96.0.8'), six], [a('10.244.1.2', 'x.web.ns')]);
    expect(decide([wrong], answer).answer).toEqual(answered([cname, a('10.1.2.3'), six], [a('10.1.2.3', 'x.web.ns')]));
    const nothing: DnsAnswer = { rcode: 'NXDOMAIN', answers: [], authorities: [soa], additionals: [] };
    expect(decide([wrong], nothing).answer).toEqual(nothing);
  });

  it('adds delays up, each with its jitter', () => {
    const slow = fault({ kind: 'slow', delayMs: 100, jitterMs: 20 });
    expect(decide([slow], right, [0.5]).delayMs).toBe(100);
    expect(decide([slow], right, [0]).delayMs).toBe(80);
    expect(decide([slow, fault({ kind: 'slow', delayMs: 7 })], right, [1, 0]).delayMs).toBe(127);
    expect(decide([slow, fault()], right, [0.5])).toMatchObject({ delayMs: 100, answer: { rcode: 'NXDOMAIN' } });
  });

  it('acts on its share and on its name alone, and of several answers takes the latest', () => {
    expect(decide([fault({ share: 0.3 })], right, [0.29]).answer?.rcode).toBe('NXDOMAIN');
    expect(decide([fault({ share: 0.3 })], right, [0.3]).answer).toBe(right);
    expect(decide([fault({ name: 'other.ns' })], right).answer).toBe(right);
    const wrong = fault({ id: 'g', kind: 'wrong', address: '10.1.2.3' });
    expect(decide([wrong, fault()], right).answer?.rcode).toBe('NXDOMAIN');
    expect(decide([fault({ kind: 'stale' })], right).answer).toBe(right);
  });

  it('does not speak for names it has no authority over, nor before it knows anything', () => {
    const refused: DnsAnswer = { ...answered([]), rcode: 'REFUSED' };
    expect(decide([fault()], refused).answer).toBe(refused);
    expect(decide([fault()], undefined).answer).toBeUndefined();
    expect(decide([fault({ kind: 'drop' })], refused).dropped).toBe(true);
  });
});

describe('isForName()', () => {
  it.for([
    ['', 'anything', true],
    ['web.ns', 'WEB.ns.', true],
    ['web.ns', 'a.web.ns', false],
    ['*.ns', 'web.ns', true],
    ['*.ns', 'a.web.ns', true],
    ['*.ns', 'ns', false],
    ['*.ns', 'webns', false],
  ] as const)('%s for %s: %s', ([name, asked, held]) => {
    expect(isForName({ name }, asked)).toBe(held);
  });
});

describe('dnsFaultProblem()', () => {
  it.for([
    [fault({ id: '' }), /Id/],
    [fault({ kind: 'odd' as never }), /"odd" is not known: give one of slow/],
    [fault({ share: 0 }), /Share 0/],
    [fault({ share: Number.NaN }), /Share NaN/],
    [fault({ kind: 'slow' }), /Delay 0 ms/],
    [fault({ kind: 'slow', delayMs: 5, jitterMs: 6 }), /Jitter 6 ms is out of range: give 0 up to the delay, 5 ms/],
    [fault({ kind: 'wrong', address: '1.2.3' }), /Address "1.2.3"/],
    [fault({ kind: 'stale', name: 'web' }), /stale/],
  ] as const)('%#: %s', ([wrong, why]) => {
    expect(dnsFaultProblem(wrong)).toMatch(why);
  });

  it('finds nothing wrong with good ones', () => {
    expect(dnsFaultProblem(fault({ kind: 'slow', delayMs: 5, jitterMs: 5, share: 0.5 }))).toBeUndefined();
    expect(dnsFaultProblem(fault({ kind: 'wrong', address: 'fd00::1' }))).toBeUndefined();
    expect(dnsFaultProblem(fault({ kind: 'stale' }))).toBeUndefined();
  });
});
