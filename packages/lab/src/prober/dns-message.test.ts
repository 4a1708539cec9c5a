import { type Answer, decode, encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { encodeDnsQuery, readDnsAnswer } from './dns-message.ts';

const NAME = 'web.shop.svc.cluster.local';

function response(answers: Answer[], flags = 0, id = 7): Buffer {
  return encode({ type: 'response', id, flags, questions: [{ type: 'A', name: NAME }], answers });
}
const a = (data: string, ttl: number): Answer => ({ type: 'A', name: NAME, ttl, data });

describe('DNS messages of the prober', () => {
  it('ask one question, with recursion desired and room for 1232 bytes', () => {
    const query = decode(encodeDnsQuery(7, NAME, 'AAAA'));
    expect(query).toMatchObject({
      type: 'query',
      id: 7,
      flag_rd: true,
      questions: [{ name: NAME, type: 'AAAA', class: 'IN' }],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232 }],
    });
  });

  it.each<[string, Buffer, ReturnType<typeof readDnsAnswer>]>([
    [
      'addresses, sorted, with the lowest TTL',
      response([a('10.244.2.2', 5), a('10.244.1.2', 3)]),
      { outcome: 'ok', addresses: ['10.244.1.2', '10.244.2.2'], ttl: 3 },
    ],
    [
      'addresses behind an alias',
      response([{ type: 'CNAME', name: NAME, ttl: 1, data: 'b' }, a('10.0.0.1', 9)]),
      { outcome: 'ok', addresses: ['10.0.0.1'], ttl: 9 },
    ],
    ['no record of the type', response([]), { outcome: 'nodata', addresses: [], ttl: undefined }],
    ['NXDOMAIN', response([], 3), { outcome: 'nxdomain', addresses: [], ttl: undefined }],
    ['SERVFAIL', response([], 2), { outcome: 'servfail', addresses: [], ttl: undefined }],
    ['REFUSED', response([], 5), { outcome: 'refused', addresses: [], ttl: undefined }],
    ['FORMERR', response([], 1), { outcome: 'other', addresses: [], ttl: undefined }],
    [
      'an answer that was cut short',
      response([a('10.0.0.1', 5)], 0x0200),
      { outcome: 'other', addresses: [], ttl: undefined },
    ],
    ['an answer to another query', response([a('10.0.0.1', 5)], 0, 8), undefined],
    ['a query', encodeDnsQuery(7, NAME, 'A'), undefined],
    ['a few bytes', Buffer.from('abc'), undefined],
    [
      'bytes that end too early',
      response([a('10.0.0.1', 5)]).subarray(0, -3),
      { outcome: 'other', addresses: [], ttl: undefined },
    ],
  ])('are read: %s', (_, bytes, verdict) => {
    expect(readDnsAnswer(bytes, 7, 'A')).toEqual(verdict);
  });
});
