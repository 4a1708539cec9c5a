/** `${name}` in scenario files. */
import { badInput } from '../state/errors.ts';
import { fieldName } from './explain.ts';
import type { FieldPath } from './yaml-source.ts';

/** A variable's value. */
export type VariableValue = string | number | boolean;

const USE = /\$?\$\{([A-Za-z_][\w-]*)\}/g;

/**
 * Replaces `${name}` in every text of `value`. A text that is nothing but `${name}` becomes the value itself, a number if it is one;
 * `$${name}` stays as `${name}`. Fails with a LabError (bad input) that names the field and the variables there are.
 */
export function substitute(
  value: unknown,
  variables: Readonly<Record<string, VariableValue>>,
  where: (path: FieldPath) => string,
  path: FieldPath = [],
): unknown {
  if (Array.isArray(value)) return value.map((v, i) => substitute(v, variables, where, [...path, i]));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [
        k,
        k === 'variables' && path.length === 0 ? v : substitute(v, variables, where, [...path, k]),
      ]),
    );
  if (typeof value !== 'string') return value;
  const get = (name: string): VariableValue => {
    const found = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (found !== undefined) return found;
    const there = Object.keys(variables);
    throw badInput(
      `${where(path)}: Field ${fieldName(path)} uses \${${name}}, which is not among variables: ${there.length === 0 ? 'there are none' : `there are ${there.join(', ')}`}`,
    );
  };
  const whole = /^\$\{([A-Za-z_][\w-]*)\}$/.exec(value);
  if (whole) return get(whole[1] ?? '');
  return value.replace(USE, (text, name: string) => (text.startsWith('$$') ? text.slice(1) : String(get(name))));
}

/** The variables of a file with those of the command line on top. Fails with a LabError on one the file does not have. */
export function withValues(
  declared: Readonly<Record<string, VariableValue>>,
  given: Readonly<Record<string, string>>,
): Record<string, VariableValue> {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(declared, name));
  if (unknown !== undefined)
    throw badInput(
      `Variable "${unknown}" is not in the scenario: ${Object.keys(declared).length === 0 ? 'it has none' : `it has ${Object.keys(declared).join(', ')}`}`,
    );
  return {
    ...declared,
    // A number is meant where a number is written, as in the file.
    ...Object.fromEntries(Object.entries(given).map(([k, v]) => [k, /^-?\d+(\.\d+)?$/.test(v) ? Number(v) : v])),
  };
}
