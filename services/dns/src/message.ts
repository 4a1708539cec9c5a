import type { DnsAnswer, DnsQuestion, DnsRecord, Random, Rcode } from '@svclab/core';
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';

/** Decides an answer; undefined while there is nothing to answer from (SERVFAIL). */
export type Answerer = (question: DnsQuestion) => DnsAnswer | undefined;

const RCODES: Readonly<Record<Rcode, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
};
const HEADER_BYTES = 12;
/** Largest answer over UDP without EDNS0 (RFC 1035), and the most this server sends with it (RFC 6891, DNS flag day 2020). */
const PLAIN_LIMIT = 512;
const EDNS_LIMIT = 1232;

/**
 * From the bytes of a query to the bytes of its answer; undefined for what gets none (no header, or itself a response).
 * @param limit largest answer in bytes; undefined over TCP. A larger one is cut to its question with TC set.
 */
export function respond(
  query: Buffer,
  options: { answer: Answerer; random: Random; udp: boolean },
): Buffer | undefined {
  if (query.length < HEADER_BYTES) return undefined;
  if ((query.readUInt8(2) & 0x80) !== 0) return undefined;
  const id = query.readUInt16BE(0);
  const opcode = (query.readUInt8(2) >> 3) & 0xf;
  if (opcode !== 0) return bare(id, 'NOTIMP', opcode);
  if (query.readUInt16BE(4) !== 1) return bare(id, 'FORMERR');
  let packet: Packet;
  try {
    packet = decode(query);
  } catch {
    return bare(id, 'FORMERR');
  }
  const question = packet.questions?.[0];
  if (!question || !isName(question.name)) return bare(id, 'FORMERR');
  const edns = packet.additionals?.find((r) => r.type === 'OPT');
  const answer =
    question.class !== 'IN'
      ? refusal('REFUSED')
      : (options.answer({ name: question.name, type: question.type }) ?? refusal('SERVFAIL'));
  const reply = build({
    id,
    question,
    answer,
    edns: edns !== undefined,
    desired: ((packet.flags ?? 0) & RECURSION_DESIRED) !== 0,
    random: options.random,
  });
  if (!options.udp) return reply;
  const offered = edns && 'udpPayloadSize' in edns ? Number(edns.udpPayloadSize) : PLAIN_LIMIT;
  const limit = Math.max(PLAIN_LIMIT, Math.min(EDNS_LIMIT, offered));
  return reply.length <= limit ? reply : truncated({ id, question, edns: edns !== undefined });
}

function refusal(rcode: Rcode): DnsAnswer {
  return { rcode, answers: [], authorities: [], additionals: [] };
}

/** Labels of at most 63 octets, at most 253 in all (RFC 1035 section 2.3.4). */
function isName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => label.length <= 63);
}

function bare(id: number, rcode: Rcode, opcode = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(0x8000 | (opcode << 11) | RCODES[rcode], 2);
  return bytes;
}

const OPT = {
  type: 'OPT' as const,
  name: '.',
  udpPayloadSize: EDNS_LIMIT,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function build(parts: {
  id: number;
  question: Question;
  answer: DnsAnswer;
  edns: boolean;
  desired: boolean;
  random: Random;
}): Buffer {
  const { answer } = parts;
  const authoritative = answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';
  const bytes = encode({
    id: parts.id,
    type: 'response',
    flags: (authoritative ? AUTHORITATIVE_ANSWER : 0) | (parts.desired ? RECURSION_DESIRED : 0),
    questions: [parts.question],
    answers: shuffled(answer.answers, parts.random).map(toWire),
    authorities: answer.authorities.map(toWire),
    additionals: [...answer.additionals.map(toWire), ...(parts.edns ? [OPT] : [])],
  } as Packet);
  bytes.writeUInt8((bytes.readUInt8(3) & 0xf0) | RCODES[answer.rcode], 3);
  return bytes;
}

function truncated(parts: { id: number; question: Question; edns: boolean }): Buffer {
  return encode({
    id: parts.id,
    type: 'response',
    flags: AUTHORITATIVE_ANSWER | TRUNCATED_RESPONSE,
    questions: [parts.question],
    additionals: parts.edns ? [OPT] : [],
  } as Packet);
}

function toWire(record: DnsRecord): object {
  return record.type === 'TXT' ? { ...record, class: 'IN', data: [...record.data] } : { ...record, class: 'IN' };
}

/** Addresses in random order, aliases first as they are (CoreDNS `loadbalance`). */
function shuffled(records: readonly DnsRecord[], random: Random): DnsRecord[] {
  const isAddress = (r: DnsRecord): boolean => r.type === 'A' || r.type === 'AAAA';
  const addresses = records.filter(isAddress);
  for (let i = addresses.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    const [a, b] = [addresses[i], addresses[j]];
    if (a && b) {
      addresses[i] = b;
      addresses[j] = a;
    }
  }
  return [...records.filter((r) => !isAddress(r)), ...addresses];
}
