import type { DnsAnswer } from '@svclab/core';
import { decode, encode, type Packet } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { type Answerer, respond } from './message.ts';

const random = { next: () => 0 };
const none: DnsAnswer = { rcode: 'NOERROR', answers: [], authorities: [], additionals: [] };
const many: DnsAnswer = {
  ...none,
  answers: Array.from({ length: 40 }, (_, i) => ({ name: 'a.test', type: 'A' as const, ttl: 5, data: `10.0.0.${i}` })),
};
const query = (extra: Partial<Packet> = {}): Buffer =>
  encode({ id: 7, type: 'query', flags: 0x100, questions: [{ name: 'a.test', type: 'A', class: 'IN' }], ...extra });
const ask = (bytes: Buffer, answer: Answerer = () => none, udp = true) => respond(bytes, { answer, random, udp });
const rcode = (bytes: Buffer | undefined): number | undefined =>
  bytes === undefined ? undefined : bytes.readUInt8(3) & 0xf;

describe('respond', () => {
  it('echoes the id and the question, with AA and RD', () => {
    const reply = ask(query());
    const packet = decode(reply ?? Buffer.alloc(0));
    expect(packet.id).toBe(7);
    expect(packet.questions).toEqual([{ name: 'a.test', type: 'A', class: 'IN' }]);
    expect((packet as { flag_aa?: boolean }).flag_aa).toBe(true);
    expect((packet as { flag_rd?: boolean }).flag_rd).toBe(true);
  });

  it.each([
    { what: 'shorter than a header', bytes: Buffer.alloc(5), expected: undefined },
    {
      what: 'a response',
      bytes: encode({ id: 1, type: 'response', questions: [{ name: 'a', type: 'A' }] }),
      expected: undefined,
    },
    { what: 'no question', bytes: encode({ id: 1, type: 'query', questions: [] }), expected: 1 },
    {
      what: 'two questions',
      bytes: encode({
        id: 1,
        type: 'query',
        questions: [
          { name: 'a', type: 'A' },
          { name: 'b', type: 'A' },
        ],
      }),
      expected: 1,
    },
    { what: 'a truncated question', bytes: query().subarray(0, 15), expected: 1 },
    {
      what: 'a compression loop',
      bytes: Buffer.concat([query().subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]),
      expected: 1,
    },
    {
      what: 'an unknown opcode',
      bytes: Buffer.concat([Buffer.from([0, 1, 0x28, 0]), query().subarray(4)]),
      expected: 4,
    },
    { what: 'class CH', bytes: query({ questions: [{ name: 'a.test', type: 'A', class: 'CH' }] }), expected: 5 },
  ])('$what', ({ bytes, expected }) => {
    expect(rcode(ask(bytes))).toBe(expected);
  });

  it('answers SERVFAIL before the first sync', () => {
    expect(rcode(ask(query(), () => undefined))).toBe(2);
  });

  it.each([
    { what: 'over UDP without EDNS0 it is cut at 512', udp: true, bytes: query(), count: 30 },
    {
      what: 'over UDP with room it is whole',
      udp: true,
      bytes: query({ additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as never] }),
      count: 40,
    },
    { what: 'over TCP it is whole', udp: false, bytes: query(), count: 40 },
  ])('an answer larger than 512 bytes: $what', ({ udp, bytes, count }) => {
    const raw = ask(bytes, () => many, udp) ?? Buffer.alloc(0);
    const reply = decode(raw);
    expect((reply as { flag_tc?: boolean }).flag_tc).toBe(count < 40);
    expect((reply as { flag_rd?: boolean }).flag_rd).toBe(true);
    expect(reply.answers).toHaveLength(count);
    expect(new Set(reply.answers?.map((r) => r.name))).toEqual(new Set(['a.test']));
    // Header and question 24 bytes, 16 for each address: the owner's name is a pointer.
    expect(raw.length - (reply.additionals?.length ?? 0) * 11).toBe(24 + 16 * count);
  });

  it('refuses an EDNS version it does not know with BADVERS', () => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, ednsVersion: 1, flags: 0, options: [] } as never;
    const reply = decode(ask(query({ additionals: [opt] })) ?? Buffer.alloc(0));
    expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }]);
    expect(reply.answers).toEqual([]);
  });

  it('leaves additionals that do not fit away without TC', () => {
    const glue = Array.from({ length: 40 }, (_, i) => ({
      name: `n${i}`,
      type: 'A' as const,
      ttl: 5,
      data: '10.0.0.1',
    }));
    const reply = decode(ask(query(), () => ({ ...none, additionals: glue })) ?? Buffer.alloc(0));
    expect((reply as { flag_tc?: boolean }).flag_tc).toBe(false);
    expect(reply.additionals?.length).toBeGreaterThan(20);
    expect(reply.additionals?.length).toBeLessThan(40);
  });

  it('gives NXDOMAIN with its SOA', () => {
    const soa = {
      name: 'test',
      type: 'SOA' as const,
      ttl: 5,
      data: { mname: 'ns.test', rname: 'x.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5 },
    };
    const reply = ask(query(), () => ({ ...none, rcode: 'NXDOMAIN', authorities: [soa] }));
    expect(rcode(reply)).toBe(3);
    expect(decode(reply ?? Buffer.alloc(0)).authorities?.[0]?.type).toBe('SOA');
  });
});
