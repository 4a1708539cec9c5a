/** Expectations on a report: `dark_ms.new <= 500`. */
import { badInput } from '../state/errors.ts';

/** One expectation, taken apart. */
export interface Expectation {
  readonly text: string;
  /** Keys into the report. */
  readonly path: readonly string[];
  readonly operator: '<' | '<=' | '>' | '>=' | '==' | '!=';
  readonly bound: number | string;
}

/** How an expectation fared. */
export interface Verdict {
  readonly expectation: string;
  /** The value found; null when the report has none. */
  readonly value: number | string | null;
  readonly ok: boolean;
}

/** Parses one expectation. Fails with a LabError that names `field`. */
export function parseExpectation(text: string, field: string): Expectation {
  const match = /^\s*([a-z][\w-]*(?:\.[\w-]+)*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*$/i.exec(text);
  if (!match) throw badInput(`Field ${field} is "${text}": write it like dark_ms.new <= 500`);
  const bound = match[3] ?? '';
  return {
    text: text.trim(),
    path: (match[1] ?? '').split('.'),
    operator: match[2] as Expectation['operator'],
    bound: Number.isFinite(Number(bound)) ? Number(bound) : bound,
  };
}

/** Judges an expectation by a report. A value that is not there does not hold. */
export function judge(expectation: Expectation, report: unknown): Verdict {
  let value: unknown = report;
  for (const key of expectation.path)
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  const known = typeof value === 'number' || typeof value === 'string' ? value : null;
  return { expectation: expectation.text, value: known, ok: known !== null && compare(known, expectation) };
}

function compare(value: number | string, { operator, bound }: Expectation): boolean {
  if (operator === '==') return value === bound;
  if (operator === '!=') return value !== bound;
  if (typeof value !== 'number' || typeof bound !== 'number') return false;
  switch (operator) {
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
  }
}
