/** Reads single values of a script's options. Everything fails with a {@link ScriptError} that names the option. */
import { ScriptError } from './errors.ts';

/** An object of a script, not checked yet. */
export type Raw = Readonly<Record<string, unknown>>;

const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

function refuse(value: unknown, what: string, want: string): never {
  throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give ${want}`, what);
}

/** Parses k6's durations: `1m30s`, `500ms`, or a number of milliseconds. */
export function durationMs(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) refuse(value, what, 'a duration such as "30s" or "1m30s"');
  let sum = 0;
  for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g))
    sum += Number(n) * (UNITS[unit ?? ''] ?? 0);
  return sum;
}

/** A number of at least `min`. */
export function count(value: unknown, what: string, min: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min) return value;
  return refuse(value, what, `a number, ${min} or more`);
}

/** A whole number of at least `min`. */
export function whole(value: unknown, what: string, min: number): number {
  if (Number.isInteger(value) && (value as number) >= min) return value as number;
  return refuse(value, what, `a whole number, ${min} or more`);
}

/** One of some words. */
export function choice<T extends string>(value: unknown, what: string, words: readonly T[]): T {
  const found = words.find((w) => w === value);
  return found ?? refuse(value, what, `one of ${words.join(', ')}`);
}

/** An object. */
export function record(value: unknown, what: string): Raw {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Raw;
  return refuse(value, what, 'an object');
}

/** A list with something in it. */
export function list(value: unknown, what: string, of: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  return refuse(value, what, `a list of ${of}`);
}

/** An object whose values are text, numbers or flags, as text. */
export function texts(value: unknown, what: string): Record<string, string> {
  return value === undefined
    ? {}
    : Object.fromEntries(Object.entries(record(value, what)).map(([k, v]) => [k, String(v)]));
}
