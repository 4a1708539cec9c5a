import type { DnsAnswer, DnsRecord, Random, Rcode } from '@svclab/core';
import { AUTHORITATIVE_ANSWER, encode, type Packet, type Question, RECURSION_DESIRED } from 'dns-packet';

/** Numbers of the response codes (RFC 1035 section 4.1.1). */
export const RCODES: Readonly<Record<Rcode, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
};
/** Bytes of a message's header. */
export const HEADER_BYTES = 12;
/** Largest answer over UDP this server sends when asked for larger ones (RFC 6891; DNS flag day 2020). */
export const EDNS_LIMIT = 1232;

/** What the sender of a query said about EDNS0 (RFC 6891). */
export interface Edns {
  /** Largest answer it takes over UDP. */
  readonly size: number;
  readonly version: number;
}

/** An answer and what of the query it has to repeat. */
export interface Response {
  readonly id: number;
  readonly question: Question;
  /** The query had RD set. */
  readonly recursionDesired: boolean;
  /** Present when the query had an OPT record. */
  readonly edns: Edns | undefined;
  readonly answer: DnsAnswer;
  readonly random: Random;
  /** Largest message in bytes; undefined over TCP. */
  readonly limit: number | undefined;
}

const BADVERS_HIGH_BITS = 1;
const TC = 0x0200;

/**
 * Encodes an answer. Owner names that have occurred are pointers (RFC 1035 section 4.1.4), as resolvers expect it: without them half
 * as many endpoints would fit. What does not fit is left out from the end; TC is set when that hits answers or authorities
 * (RFC 2181 section 9).
 */
export function encodeResponse(response: Response): Buffer {
  const { answer, edns, limit } = response;
  const question = bytesOf({ questions: [response.question] });
  const opt = edns ? bytesOf({ additionals: [optRecord(edns)] as Packet['additionals'] & object }) : Buffer.alloc(0);
  const message = new MessageBuilder(response.question.name, question, (limit ?? 65_535) - opt.length);
  const counts = [shuffled(answer.answers, response.random), answer.authorities, answer.additionals].map((records) =>
    message.add(records),
  );
  const [answers = 0, authorities = 0, additionals = 0] = counts;
  const truncated = answers < answer.answers.length || authorities < answer.authorities.length;
  const authoritative = answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';
  const bytes = Buffer.concat([...message.parts, opt]);
  bytes.writeUInt16BE(response.id, 0);
  bytes.writeUInt16BE(
    0x8000 |
      (authoritative ? AUTHORITATIVE_ANSWER : 0) |
      (truncated ? TC : 0) |
      (response.recursionDesired ? RECURSION_DESIRED : 0) |
      RCODES[answer.rcode],
    2,
  );
  let at = 4;
  for (const count of [1, answers, authorities, additionals + (edns ? 1 : 0)]) at = bytes.writeUInt16BE(count, at);
  return bytes;
}

/** A header alone, for queries whose question could not be read. */
export function encodeBare(id: number, rcode: Rcode, opcode = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(0x8000 | (opcode << 11) | RCODES[rcode], 2);
  return bytes;
}

/** Header, question and records as far as they fit. */
class MessageBuilder {
  readonly parts: Buffer[];
  readonly #limit: number;
  /** owner name -> where it stands in the message */
  readonly #offsets = new Map<string, number>();
  #length: number;
  #full = false;

  constructor(name: string, question: Buffer, limit: number) {
    this.parts = [Buffer.alloc(HEADER_BYTES), question];
    this.#length = HEADER_BYTES + question.length;
    this.#limit = limit;
    this.#offsets.set(name, HEADER_BYTES);
  }

  /** Appends records until one does not fit; nothing fits after that. Returns how many were appended. */
  add(records: readonly DnsRecord[]): number {
    let count = 0;
    for (const record of records) {
      if (this.#full) break;
      const bytes = this.#compress(record);
      if (this.#length + bytes.length > this.#limit) {
        this.#full = true;
        break;
      }
      if (!this.#offsets.has(record.name) && this.#length < 0x4000) this.#offsets.set(record.name, this.#length);
      this.parts.push(bytes);
      this.#length += bytes.length;
      count += 1;
    }
    return count;
  }

  #compress(record: DnsRecord): Buffer {
    const plain = bytesOf({ answers: [toWire(record)] as Packet['answers'] & object });
    const offset = this.#offsets.get(record.name);
    if (offset === undefined) return plain;
    const pointer = Buffer.alloc(2);
    pointer.writeUInt16BE(0xc000 | offset);
    return Buffer.concat([pointer, plain.subarray(nameLength(plain))]);
  }
}

/** The one section of a packet, without the header. */
function bytesOf(packet: Packet): Buffer {
  return encode(packet).subarray(HEADER_BYTES);
}

/** Bytes of the uncompressed name at the start. */
function nameLength(bytes: Buffer): number {
  let at = 0;
  while (bytes[at]) at += 1 + (bytes[at] ?? 0);
  return at + 1;
}

function toWire(record: DnsRecord): object {
  return record.type === 'TXT' ? { ...record, class: 'IN', data: [...record.data] } : { ...record, class: 'IN' };
}

function optRecord(edns: Edns): object {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: EDNS_LIMIT,
    extendedRcode: edns.version > 0 ? BADVERS_HIGH_BITS : 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
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
