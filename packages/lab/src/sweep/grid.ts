/** The grid of a sweep: which knobs, which values, and every combination of them. */
import { KnobError, resolveKnobs } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** Values of one knob, or of several that change together. */
export interface SweepAxis {
  readonly knobs: readonly string[];
  /** One entry a value: as many texts as knobs. */
  readonly values: readonly (readonly string[])[];
}

/** One combination: knob -> value as it was written. */
export type SweepSettings = Readonly<Record<string, string>>;

/** Most combinations that are run: each has a lab of its own. */
export const MOST_POINTS = 64;

const HOW = 'give KNOB=VALUE,VALUE..., such as membership.probeInterval=50ms,100ms,1s';

/**
 * Reads `KNOB=VALUE,VALUE...` texts; `KNOB+KNOB=VALUE+VALUE,...` changes knobs together. Fails with a LabError (bad input) that says what would be
 * right.
 */
export function parseOver(texts: readonly string[], profile: 'realistic' | 'fast'): SweepAxis[] {
  if (texts.length === 0) throw badInput(`A sweep needs a knob and its values: ${HOW} with --over`);
  const axes = texts.map((text) => parseAxis(text, profile));
  const names = axes.flatMap((a) => a.knobs);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw badInput(`Knob ${twice} is swept twice: give all its values with one --over`);
  const points = axes.reduce((n, a) => n * a.values.length, 1);
  if (points > MOST_POINTS)
    throw badInput(`The grid has ${points} combinations, each with a lab of its own: give at most ${MOST_POINTS}`);
  return axes;
}

function parseAxis(text: string, profile: 'realistic' | 'fast'): SweepAxis {
  const at = text.indexOf('=');
  if (at < 1) throw badInput(`--over does not take "${text}": ${HOW}`);
  const knobs = text
    .slice(0, at)
    .split('+')
    .map((k) => k.trim());
  const values = text
    .slice(at + 1)
    .split(',')
    .map((value) => value.split('+').map((v) => v.trim()));
  for (const value of values) {
    if (value.length !== knobs.length)
      throw badInput(
        `--over does not take "${value.join('+')}" for ${knobs.join('+')}: give ${knobs.length} value${knobs.length === 1 ? '' : 's joined by +'}`,
      );
    checkSettings(profile, Object.fromEntries(knobs.map((k, i) => [k, value[i] ?? ''])));
  }
  const seen = values.map((v) => v.join('+'));
  const twice = seen.find((v, i) => seen.indexOf(v) !== i);
  if (twice !== undefined) throw badInput(`--over ${knobs.join('+')} has ${twice} twice: give each value once`);
  return { knobs, values };
}

/** Fails with a LabError (bad input) at a knob there is none of, or a value it does not take. */
export function checkSettings(profile: 'realistic' | 'fast', settings: SweepSettings): void {
  try {
    resolveKnobs(profile, settings);
  } catch (error) {
    throw error instanceof KnobError ? badInput(error.message) : error;
  }
}

/** Every combination, the last axis fastest. */
export function gridPoints(axes: readonly SweepAxis[]): SweepSettings[] {
  return axes.reduce<SweepSettings[]>(
    (points, axis) =>
      points.flatMap((point) =>
        axis.values.map((value) => ({
          ...point,
          ...Object.fromEntries(axis.knobs.map((k, i) => [k, value[i] ?? ''])),
        })),
      ),
    [{}],
  );
}

/** How a combination is called beside the others: by its values alone where one axis is swept. */
export function pointLabel(settings: SweepSettings, axes: readonly SweepAxis[]): string {
  const [only, ...more] = axes;
  if (only && more.length === 0) return only.knobs.map((k) => settings[k] ?? '').join('+');
  return axes.map((a) => a.knobs.map((k) => `${shortName(k)}=${settings[k] ?? ''}`).join(' ')).join(' ');
}

/** `probeInterval` of `membership.probeInterval`. */
function shortName(knob: string): string {
  return knob.split('.').slice(1).join('.') || knob;
}

/** A folder's name for a combination. */
export function pointFolder(settings: SweepSettings): string {
  return Object.entries(settings)
    .map(([k, v]) => `${k}=${v}`)
    .join(',')
    .replaceAll(/[^A-Za-z0-9.,=_-]/g, '_');
}
