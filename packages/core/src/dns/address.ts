/** Names of addresses: dashed forms and the reverse zones (RFC 1035 section 3.5, RFC 3596). */

/** An IPv6 address as eight groups of four hex digits, lower case; an IPv4 address as it is. Undefined when it is neither. */
export function canonicalAddress(ip: string): string | undefined {
  if (/^(\d{1,3})(\.\d{1,3}){3}$/.test(ip)) return ip.split('.').every((p) => Number(p) <= 255) ? ip : undefined;
  if (!/^[0-9a-f:]+$/i.test(ip)) return undefined;
  const halves = ip.toLowerCase().split('::');
  if (halves.length > 2) return undefined;
  const head = halves[0] === '' ? [] : (halves[0] ?? '').split(':');
  const tail = halves.length === 1 || halves[1] === '' ? [] : (halves[1] ?? '').split(':');
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill('0'), ...tail];
  return groups.every((g) => /^[0-9a-f]{1,4}$/.test(g)) ? groups.map((g) => g.padStart(4, '0')).join(':') : undefined;
}

/** The record type an address belongs to. */
export function addressType(ip: string): 'A' | 'AAAA' {
  return ip.includes(':') ? 'AAAA' : 'A';
}

/** Name of an endpoint without a hostname: `10.244.1.2` -> `10-244-1-2`, `fd00::` -> `fd00--0` (CoreDNS `plugin/kubernetes`). */
export function dashedAddress(ip: string): string {
  const dashed = ip.replace(/[.:]/g, '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}

/** `10-244-1-2` -> `10.244.1.2`; undefined when it is no dashed IPv4 or IPv6 address. */
export function undashAddress(label: string): string | undefined {
  const v4 = label.replaceAll('-', '.');
  if (canonicalAddress(v4) !== undefined && !v4.includes(':')) return v4;
  const v6 = label.replaceAll('-', ':');
  return v6.includes(':') && canonicalAddress(v6) !== undefined ? v6 : undefined;
}

/** The zone of a reverse name. */
export const REVERSE_ZONES = ['in-addr.arpa', 'ip6.arpa'] as const;

/** `2.1.244.10.in-addr.arpa` -> `10.244.1.2` in canonical form; undefined for incomplete or malformed names. `name` in lower case. */
export function addressOfReverseName(name: string): string | undefined {
  const labels = name.split('.').reverse();
  if (labels[0] !== 'arpa') return undefined;
  const parts = labels.slice(2);
  if (labels[1] === 'in-addr') return parts.length === 4 ? canonicalAddress(parts.join('.')) : undefined;
  if (labels[1] !== 'ip6' || parts.length !== 32 || !parts.every((p) => /^[0-9a-f]$/.test(p))) return undefined;
  return parts.join('').match(/.{4}/g)?.join(':');
}
