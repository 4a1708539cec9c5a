import type { DnsAnswer, DnsQuestion, Random, Rcode } from '@svclab/core';
import { decode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { EDNS_LIMIT, type Edns, encodeBare, encodeResponse, HEADER_BYTES } from './encode.ts';

/** Decides an answer; undefined while there is nothing to answer from (SERVFAIL). */
export type Answerer = (question: DnsQuestion) => DnsAnswer | undefined;

/** Largest answer over UDP without EDNS0 (RFC 1035 section 4.2.1). */
const PLAIN_LIMIT = 512;

/**
 * From the bytes of a query to the bytes of its answer; undefined for what gets none (no header, or itself a response).
 * Opcodes other than QUERY are NOTIMP; anything but one readable question is FORMERR; classes other than IN are REFUSED;
 * EDNS versions other than 0 are BADVERS.
 */
export function respond(
  query: Buffer,
  options: { answer: Answerer; random: Random; udp: boolean },
): Buffer | undefined {
  if (query.length < HEADER_BYTES) return undefined;
  if ((query.readUInt8(2) & 0x80) !== 0) return undefined;
  const id = query.readUInt16BE(0);
  const opcode = (query.readUInt8(2) >> 3) & 0xf;
  if (opcode !== 0) return encodeBare(id, 'NOTIMP', opcode);
  if (query.readUInt16BE(4) !== 1) return encodeBare(id, 'FORMERR');
  let packet: Packet;
  try {
    packet = decode(query);
  } catch {
    return encodeBare(id, 'FORMERR');
  }
  const question = packet.questions?.[0];
  if (!question || !isName(question.name)) return encodeBare(id, 'FORMERR');
  const edns = ednsOf(packet);
  const offered = Math.max(PLAIN_LIMIT, Math.min(EDNS_LIMIT, edns?.size ?? PLAIN_LIMIT));
  return encodeResponse({
    id,
    question,
    recursionDesired: ((packet.flags ?? 0) & RECURSION_DESIRED) !== 0,
    edns,
    answer: decide({ name: question.name, type: question.type }, question.class ?? 'IN', edns, options.answer),
    random: options.random,
    limit: options.udp ? offered : undefined,
  });
}

function decide(question: DnsQuestion, dnsClass: string, edns: Edns | undefined, answer: Answerer): DnsAnswer {
  // BADVERS is an extended code: its low bits, in the header, are those of NOERROR.
  if (edns && edns.version > 0) return empty('NOERROR');
  if (dnsClass !== 'IN') return empty('REFUSED');
  return answer(question) ?? empty('SERVFAIL');
}

function ednsOf(packet: Packet): Edns | undefined {
  const opt = packet.additionals?.find((r) => r.type === 'OPT');
  if (!opt || !('udpPayloadSize' in opt)) return undefined;
  return { size: Number(opt.udpPayloadSize), version: Number(opt.ednsVersion) };
}

function empty(rcode: Rcode): DnsAnswer {
  return { rcode, answers: [], authorities: [], additionals: [] };
}

/** Labels of at most 63 octets, at most 253 in all (RFC 1035 section 2.3.4). */
function isName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => label.length <= 63);
}
