/** Hashes for names: the same value gives the same name in every run. */

/** The letters Kubernetes puts into generated names: no vowels, nothing that looks like another. Source: k8s.io/apimachinery `pkg/util/rand`. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a, 32 bits, of the UTF-16 code units of a text, low byte first. Source: RFC 9923 (the FNV hash). */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}

/** A value as JSON with sorted keys and without nulls, so that equal objects have equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value)
    .filter(([, v]) => v !== undefined && v !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`);
  return `{${fields.join(',')}}`;
}

/** A text in the letters of generated names, one letter for each of its characters, as the pod template hash is written. */
export function safeEncode(text: string): string {
  return [...text].map((c) => LETTERS[c.charCodeAt(0) % LETTERS.length]).join('');
}

/** `length` letters that follow from `text`. */
export function nameSuffix(text: string, length = 5): string {
  let state = fnv1a32(text);
  let suffix = '';
  for (let i = 0; i < length; i += 1) {
    suffix += LETTERS[state % LETTERS.length];
    state = fnv1a32(`${state}${i}`);
  }
  return suffix;
}
