/** DNS messages of the prober. */
import { isIP } from 'node:net';
import type { DnsOutcome, DnsProbeType } from '@svclab/core';
import { decode, encode, type Packet, RECURSION_DESIRED, type TxtAnswer } from 'dns-packet';

/** Largest answer over UDP that is asked for (DNS flag day 2020). */
const EDNS_SIZE = 1232;
const RCODE_MASK = 0x000f;
const TC = 0x0200;
const QR = 0x8000;

/** Encodes a query for one record type, with EDNS0. */
export function encodeDnsQuery(id: number, name: string, type: DnsProbeType): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, class: 'IN', name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: EDNS_SIZE,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

/** What an answer says. */
export interface DnsVerdict {
  readonly outcome: DnsOutcome;
  /** Sorted. */
  readonly addresses: readonly string[];
  /** Lowest TTL of the addresses, seconds. */
  readonly ttl: number | undefined;
}

const OF_RCODE: Readonly<Record<number, DnsOutcome>> = { 2: 'servfail', 3: 'nxdomain', 5: 'refused' };

/** Reads an answer to query `id`; undefined when it is none. What cannot be read, or is cut short, is `other`. */
export function readDnsAnswer(bytes: Buffer, id: number, type: DnsProbeType): DnsVerdict | undefined {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || (bytes.readUInt16BE(2) & QR) === 0) return undefined;
  const flags = bytes.readUInt16BE(2);
  const none = { addresses: [], ttl: undefined };
  const rcode = flags & RCODE_MASK;
  if (rcode !== 0) return { outcome: OF_RCODE[rcode] ?? 'other', ...none };
  if ((flags & TC) !== 0) return { outcome: 'other', ...none };
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return { outcome: 'other', ...none };
  }
  const records = (packet.answers ?? []).filter((r): r is AddressRecord => r.type === type);
  if (records.length === 0) return { outcome: 'nodata', ...none };
  // The decoder reads beyond the end of a message that was cut short.
  if (records.some((r) => isIP(r.data) === 0)) return { outcome: 'other', ...none };
  return {
    outcome: 'ok',
    addresses: records.map((r) => r.data).sort(),
    ttl: Math.min(...records.map((r) => r.ttl ?? 0)),
  };
}

interface AddressRecord extends Omit<TxtAnswer, 'type' | 'data'> {
  readonly type: 'A' | 'AAAA';
  readonly data: string;
}
