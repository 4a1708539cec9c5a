/** The tolerance of a probe. */
import type { Tolerance } from './scenario-file.ts';

/** Whether a value is within a tolerance. */
export function tolerated(value: string, tolerance: Tolerance): boolean {
  switch (tolerance.kind) {
    case 'one-of':
      return tolerance.values.includes(value);
    case 'range':
      return value.trim() !== '' && Number(value) >= tolerance.low && Number(value) <= tolerance.high;
    case 'regex':
      return tolerance.pattern.test(value);
  }
}

/** A tolerance in words. */
export function toleranceText(tolerance: Tolerance): string {
  switch (tolerance.kind) {
    case 'one-of':
      return tolerance.values.length === 1 ? (tolerance.values[0] ?? '') : `one of ${tolerance.values.join(', ')}`;
    case 'range':
      return `${tolerance.low} to ${tolerance.high}`;
    case 'regex':
      return `match of ${tolerance.pattern.source}`;
  }
}
