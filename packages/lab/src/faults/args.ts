/** Arguments of faults: read from text by the definition's own list, with errors that say what would be right. */
import { parseDuration } from '@svclab/core';
import { badInput } from '../state/errors.ts';
import type { FaultArg, FaultArgs, FaultDefinition } from './definition.ts';

/** Heals the fault after so long. All faults have it that last. */
export const DURATION: FaultArg = {
  name: 'duration',
  kind: 'duration',
  min: 1,
  summary: 'heal it after this long; without it, it stays until it is healed',
};

/** All arguments a verb takes. */
export function argsOf(definition: Pick<FaultDefinition, 'args' | 'heals' | 'instant'>): readonly FaultArg[] {
  const { args, heals, instant } = definition;
  // One that must end gives a duration of its own, with a default.
  return heals || instant || args.some((a) => a.name === DURATION.name) ? args : [...args, DURATION];
}

/**
 * Reads arguments. Fails with a LabError (bad input) that names the verb, the argument and what would be right.
 * @param given as text by name; one that is the empty string counts as not given
 */
export function parseArgs(definition: FaultDefinition, given: Readonly<Record<string, string>>): FaultArgs {
  const { verb } = definition;
  const known = argsOf(definition);
  for (const name of Object.keys(given))
    if (!known.some((a) => a.name === name))
      throw badInput(
        `Fault ${verb} has no argument "${name}": ${known.length === 0 ? 'it takes none' : `it takes ${known.map((a) => a.name).join(', ')}`}`,
      );
  const args: Record<string, string | number | boolean> = {};
  for (const arg of known) {
    const text = given[arg.name] ?? '';
    const from = text === '' ? arg.default : text;
    if (from !== undefined) args[arg.name] = parseArg(verb, arg, from.trim());
    else if (arg.required) throw badInput(`Fault ${verb} needs argument "${arg.name}": give ${FORMS[arg.kind](arg)}`);
  }
  const problem = definition.check?.(args);
  if (problem !== undefined) throw badInput(problem);
  return args;
}

const FORMS: Readonly<Record<FaultArg['kind'], (arg: FaultArg) => string>> = {
  duration: () => 'a duration with its unit, such as 50ms or 1.5s',
  percent: () => 'a percentage from 0 to 100, such as 30 or 0.5%',
  rate: () => 'a rate in bits per second with its unit, such as 1mbit, 500kbit or 2gbit',
  count: (arg) =>
    `a whole number${arg.min !== undefined && arg.max !== undefined ? ` from ${arg.min} to ${arg.max}` : arg.min !== undefined ? ` of ${arg.min} or more` : ''}`,
  text: () => 'some text',
  choice: (arg) => `one of ${arg.choices?.join(', ') ?? ''}`,
  flag: () => 'true or false',
};

const RATE_UNITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

function parseArg(verb: string, arg: FaultArg, text: string): string | number | boolean {
  const value = readValue(arg, text);
  if (value === undefined)
    throw badInput(`Argument ${arg.name} of fault ${verb} is "${text}": give ${FORMS[arg.kind](arg)}`);
  if (typeof value === 'number' && (value < (arg.min ?? -Infinity) || value > (arg.max ?? Infinity)))
    throw badInput(`Argument ${arg.name} of fault ${verb} is "${text}": give ${FORMS[arg.kind](arg)}${bounds(arg)}`);
  return value;
}

/** What a number must be, when that is not part of its form. */
function bounds({ kind, min, max }: FaultArg): string {
  if (kind === 'count') return '';
  const unit = kind === 'duration' ? ' ms' : kind === 'rate' ? ' bit/s' : '';
  if (min !== undefined && max !== undefined) return `, from ${min}${unit} to ${max}${unit}`;
  return min === undefined ? `, ${max}${unit} at most` : `, ${min}${unit} at least`;
}

function readValue(arg: FaultArg, text: string): string | number | boolean | undefined {
  switch (arg.kind) {
    case 'duration':
      // A bare number would be ms to some and seconds to others.
      return /[a-z]$/.test(text) ? parseDuration(text) : undefined;
    case 'percent': {
      const value = Number(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1] ?? Number.NaN);
      return value <= 100 ? value : undefined;
    }
    case 'rate': {
      const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text) ?? [];
      const factor = Object.hasOwn(RATE_UNITS, unit.toLowerCase()) ? RATE_UNITS[unit.toLowerCase()] : undefined;
      return factor === undefined || Number(number) === 0 ? undefined : Number(number) * factor;
    }
    case 'count':
      return /^\d+$/.test(text) ? Number(text) : undefined;
    case 'text':
      return text === '' ? undefined : text;
    case 'choice':
      return arg.choices?.includes(text) ? text : undefined;
    case 'flag':
      return text === 'true' ? true : text === 'false' ? false : undefined;
  }
}

/** A number among parsed arguments; undefined when it was not given. */
export function numberArg(args: FaultArgs, name: string): number | undefined {
  const value = args[name];
  return typeof value === 'number' ? value : undefined;
}

/** Text (or a choice) among parsed arguments; undefined when it was not given. */
export function textArg(args: FaultArgs, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether a flag is set. */
export function flagArg(args: FaultArgs, name: string): boolean {
  return args[name] === true;
}

/** Arguments as one line, `percent=30 direction=to`, for the timeline. */
export function formatArgs(args: Readonly<Record<string, string>>): string {
  return Object.entries(args)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
