/** DNS answers broken on purpose: what becomes of a right answer while faults are in force. */
import { addressType, canonicalAddress } from './address.ts';
import type { DnsAnswer, DnsQuestion, DnsRecord } from './record.ts';

/** What a DNS server may be made to do. `stale` is of the server as a whole: it holds its records instead of its answers. */
export const DNS_FAULT_KINDS = ['slow', 'wrong', 'nxdomain', 'servfail', 'drop', 'stale'] as const;
export type DnsFaultKind = (typeof DNS_FAULT_KINDS)[number];

/** A fault of a DNS server. */
export interface DnsFault {
  readonly id: string;
  readonly kind: DnsFaultKind;
  /** The name it is for, without final dot; `*.NAME` for all below NAME; empty for every name. */
  readonly name: string;
  /** Share of the questions it acts on, above 0 and up to 1. */
  readonly share: number;
  /** slow: how much later the answer goes out, ms. */
  readonly delayMs: number;
  /** slow: the delay varies by up to this much up and down, ms. */
  readonly jitterMs: number;
  /** wrong: the address that is answered instead. */
  readonly address: string;
}

/** What happens to one question. */
export interface DnsFate {
  /** Undefined: SERVFAIL. */
  readonly answer: DnsAnswer | undefined;
  /** How much later the answer goes out, ms. */
  readonly delayMs: number;
  /** No answer goes out at all. */
  readonly dropped: boolean;
}

/** Why a fault cannot be put into force; undefined: it can. */
export function dnsFaultProblem(fault: DnsFault): string | undefined {
  if (fault.id === '') return 'Id of a DNS fault is empty: give one';
  if (!DNS_FAULT_KINDS.includes(fault.kind))
    return `Kind of DNS fault "${fault.kind}" is not known: give one of ${DNS_FAULT_KINDS.join(', ')}`;
  if (!(fault.share > 0 && fault.share <= 1)) return `Share ${fault.share} is out of range: give more than 0, up to 1`;
  if (fault.kind === 'slow' && !(fault.delayMs > 0))
    return `Delay ${fault.delayMs} ms delays nothing: give more than 0`;
  if (fault.kind === 'slow' && !(fault.jitterMs >= 0 && fault.jitterMs <= fault.delayMs))
    return `Jitter ${fault.jitterMs} ms is out of range: give 0 up to the delay, ${fault.delayMs} ms`;
  if (fault.kind === 'wrong' && canonicalAddress(fault.address) === undefined)
    return `Address "${fault.address}" is none: give an IPv4 or IPv6 address`;
  if (fault.kind === 'stale' && (fault.name !== '' || fault.share !== 1))
    return 'A stale server is so for all names and questions: leave name and share out';
  return undefined;
}

/** Whether a fault is for a name. Case does not count (RFC 4343), nor does a final dot. */
export function isForName(fault: Pick<DnsFault, 'name'>, name: string): boolean {
  const wanted = fault.name.toLowerCase();
  const asked = name.toLowerCase().replace(/\.$/, '');
  return wanted === '' || asked === wanted || (wanted.startsWith('*.') && asked.endsWith(wanted.slice(1)));
}

/**
 * What becomes of an answer under the faults in force. Delays add up; of several other answers the latest fault's counts. An answer that
 * there is none for (undefined, before the server has its records) and a refusal stay what they are: the server is no authority there.
 * @param soa start of authority for a negative answer (RFC 2308)
 * @param chance uniform in [0, 1), called when needed
 */
export function dnsFate(
  faults: readonly DnsFault[],
  question: DnsQuestion,
  answer: DnsAnswer | undefined,
  { soa, chance }: { readonly soa: () => DnsRecord; readonly chance: () => number },
): DnsFate {
  let fate: DnsFate = { answer, delayMs: 0, dropped: false };
  for (const fault of faults) {
    if (!isForName(fault, question.name) || (fault.share < 1 && chance() >= fault.share)) continue;
    if (fault.kind === 'slow')
      fate = { ...fate, delayMs: fate.delayMs + fault.delayMs + (2 * chance() - 1) * fault.jitterMs };
    else if (fault.kind === 'drop') fate = { ...fate, dropped: true };
    else if (answer && answer.rcode !== 'REFUSED') fate = { ...fate, answer: otherAnswer(fault, answer, soa) };
  }
  return fate;
}

function otherAnswer(fault: DnsFault, answer: DnsAnswer, soa: () => DnsRecord): DnsAnswer | undefined {
  switch (fault.kind) {
    case 'servfail':
      return undefined;
    case 'nxdomain':
      return { rcode: 'NXDOMAIN', answers: [], authorities: [soa()], additionals: [] };
    case 'wrong':
      return {
        ...answer,
        answers: withAddress(answer.answers, fault.address),
        additionals: withAddress(answer.additionals, fault.address),
      };
    default:
      return answer;
  }
}

/** The records with the address in place of every one of its family: one record for each name that has any. */
function withAddress(records: readonly DnsRecord[], address: string): readonly DnsRecord[] {
  const type = addressType(address);
  const done = new Set<string>();
  return records.flatMap((record): DnsRecord[] => {
    if (record.type !== type) return [record];
    if (done.has(record.name)) return [];
    done.add(record.name);
    return [{ name: record.name, ttl: record.ttl, type, data: address }];
  });
}
