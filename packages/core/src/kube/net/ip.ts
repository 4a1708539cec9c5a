/** Addresses as numbers. Textual forms: RFC 4291 section 2.2, RFC 5952; IPv4 without leading zeros, as Kubernetes' strict parser wants it. */

/** An address. */
export interface Ip {
  readonly family: 'IPv4' | 'IPv6';
  readonly value: bigint;
}

/** An inclusive range of addresses of one family. */
export interface IpRange {
  readonly family: 'IPv4' | 'IPv6';
  readonly first: bigint;
  readonly last: bigint;
}

/** Bits of an address of the family. */
const bits = (family: Ip['family']): number => (family === 'IPv4' ? 32 : 128);

/** Parses an address; undefined when the text is none. */
export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Ip | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256n + BigInt(part);
  }
  return { family: 'IPv4', value };
}

function parseIpv6(text: string): Ip | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let rest = text;
  if (dotted) {
    const v4 = parseIpv4(dotted[2] ?? '');
    if (!v4) return undefined;
    rest = `${dotted[1]}${(v4.value >> 16n).toString(16)}:${(v4.value & 0xffffn).toString(16)}`;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return undefined;
  const head = halves[0] === '' ? [] : (halves[0] ?? '').split(':');
  const tail = halves.length === 1 || halves[1] === '' ? [] : (halves[1] ?? '').split(':');
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<string>(missing).fill('0'), ...tail]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return { family: 'IPv6', value };
}

/** The canonical text of an address. */
export function formatIp(ip: Ip): string {
  if (ip.family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => String((ip.value >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((ip.value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const runs = [...groups.join(':').matchAll(/\b0(:0)+\b/g)];
  const longest = runs.reduce<RegExpMatchArray | undefined>(
    (best, run) => (best && best[0].length >= run[0].length ? best : run),
    undefined,
  );
  if (!longest) return groups.join(':');
  const text = groups.join(':');
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice((longest.index ?? 0) + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

/** A network as the range of its addresses, host bits ignored; undefined when the text is no CIDR. */
export function parseCidr(text: string): (IpRange & { readonly prefix: number }) | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const ip = match && parseIp(match[1] ?? '');
  if (!match || !ip || /^0\d/.test(match[2] ?? '')) return undefined;
  const prefix = Number(match[2]);
  const size = bits(ip.family);
  if (prefix > size) return undefined;
  const hostBits = BigInt(size - prefix);
  const first = (ip.value >> hostBits) << hostBits;
  return { family: ip.family, first, last: first + (1n << hostBits) - 1n, prefix };
}

/** A CIDR or `first-last`; undefined when it is neither or the order is wrong. */
export function parseRange(text: string): IpRange | undefined {
  if (!text.includes('-')) return parseCidr(text.trim());
  const parts = text.split('-');
  const first = parseIp((parts[0] ?? '').trim());
  const last = parseIp((parts[1] ?? '').trim());
  if (parts.length !== 2 || !first || !last || first.family !== last.family || first.value > last.value)
    return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

/** True when the address lies in the range. */
export function inRange(range: IpRange, ip: Ip): boolean {
  return range.family === ip.family && ip.value >= range.first && ip.value <= range.last;
}

/** True when the ranges share an address. */
export function rangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}
