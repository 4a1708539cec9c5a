/** The method of a scenario: steps in a row or side by side, each with its time. */
import { parseDuration } from '@svclab/core';
import { fieldName, type Problem, show } from './explain.ts';
import { type LoadSpec, loadSpec } from './load-spec.ts';
import type { StepInput } from './schema.ts';
import type { FieldPath } from './yaml-source.ts';

/** What a step does. */
export type StepAction =
  | {
      readonly kind: 'fault';
      readonly verb: string;
      /** As `svclab fault` takes it, or `previous`: what the fault before acted on. */
      readonly target: string;
      readonly args: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'heal'; readonly target: string }
  | { readonly kind: 'kubectl'; readonly args: string; readonly mayFail: boolean; readonly background: boolean }
  | { readonly kind: 'load'; readonly load: LoadSpec }
  | { readonly kind: 'probe'; readonly name: string }
  | { readonly kind: 'wait'; readonly ms: number | 'steady' }
  | { readonly kind: 'parallel'; readonly steps: readonly MethodStep[] }
  | { readonly kind: 'serial'; readonly steps: readonly MethodStep[] };

/** A step with its time. */
export type MethodStep = StepAction & {
  readonly label: string;
  /** Whether the figures are about it. */
  readonly event: boolean;
  /** After the start of the measurement, ms; undefined: `afterMs` counts. */
  readonly atMs: number | undefined;
  /** After the end of the step before, ms. */
  readonly afterMs: number;
  /** Where it stands in the file. */
  readonly path: FieldPath;
};

interface Reading {
  readonly folder: string;
  readonly problems: Problem[];
  /** When the first step begins, ms. */
  readonly beginMs: number;
}

const ms = (text: string | undefined): number => parseDuration(text ?? '0ms') ?? 0;

/** Reads steps the schema has passed; `first` is the place of the first one in its list. Problems go to `reading.problems`. */
export function readSteps(list: readonly StepInput[], path: FieldPath, reading: Reading, first = 0): MethodStep[] {
  const steps: MethodStep[] = [];
  let endMs = reading.beginMs;
  for (const [i, input] of list.entries()) {
    const here = [...path, first + i];
    const atMs = input.at === undefined ? undefined : ms(input.at);
    if (atMs !== undefined && atMs < endMs) {
      const before = i === 0 ? 'the steady state has been measured' : 'the step before it has ended';
      const at = [...here, 'at'];
      reading.problems.push({
        path: at,
        message: `Field ${fieldName(at)} is ${show(input.at)}: that is before ${before} (${endMs} ms)`,
      });
    }
    const beginMs = atMs ?? endMs + ms(input.after);
    const action = readAction(input, here, { ...reading, beginMs });
    if (action.kind === 'fault' && action.target === 'previous' && !steps.some((s) => s.kind === 'fault')) {
      const at = [...here, 'target'];
      reading.problems.push({
        path: at,
        message: `Field ${fieldName(at)} is "previous": there is no fault before it`,
      });
    }
    const step = {
      ...action,
      label: input.label ?? '',
      event: input.event ?? false,
      atMs,
      afterMs: ms(input.after),
      path: here,
    };
    steps.push(step);
    endMs = beginMs + ownMs(step);
  }
  return steps;
}

function readAction(input: StepInput, path: FieldPath, reading: Reading): StepAction {
  if (input.fault !== undefined) {
    const { target } = input;
    return {
      kind: 'fault',
      verb: input.fault,
      target: typeof target === 'object' ? target.join(' ') : (target ?? ''),
      args: {
        ...Object.fromEntries(Object.entries(input.args ?? {}).map(([k, v]) => [k, String(v)])),
        ...(input.duration === undefined ? {} : { duration: input.duration }),
      },
    };
  }
  if (input.heal !== undefined) return { kind: 'heal', target: input.heal };
  if (input.kubectl !== undefined)
    return {
      kind: 'kubectl',
      args: input.kubectl,
      mayFail: input.mayFail ?? false,
      background: input.background ?? false,
    };
  if (input.load !== undefined) return { kind: 'load', load: loadSpec(input.load, reading.folder) };
  if (input.probe !== undefined) return { kind: 'probe', name: input.probe };
  if (input.parallel !== undefined)
    return {
      kind: 'parallel',
      // Each begins with the block, whatever the others do.
      steps: input.parallel.flatMap((s, i) => readSteps([s], [...path, 'parallel'], reading, i)),
    };
  if (input.serial !== undefined)
    return { kind: 'serial', steps: readSteps(input.serial, [...path, 'serial'], reading) };
  return { kind: 'wait', ms: input.wait === 'steady' ? 'steady' : ms(input.wait) };
}

/** How long a step takes by what it says, ms; what cannot be known counts nothing. */
function ownMs(step: StepAction): number {
  if (step.kind === 'wait') return step.ms === 'steady' ? 0 : step.ms;
  if (step.kind === 'serial') return plannedMs(step.steps, 0);
  if (step.kind === 'parallel') return Math.max(0, ...step.steps.map((s) => plannedMs([s], 0)));
  return 0;
}

/** When the steps have ended, ms, when the first begins at `beginMs` and none takes longer than it says. */
export function plannedMs(steps: readonly MethodStep[], beginMs: number): number {
  return steps.reduce((end, s) => (s.atMs ?? end + s.afterMs) + ownMs(s), beginMs);
}

/** Every step, nested ones too, in the order of the file. */
export function allSteps(steps: readonly MethodStep[]): MethodStep[] {
  return steps.flatMap((s) => (s.kind === 'parallel' || s.kind === 'serial' ? [s, ...allSteps(s.steps)] : [s]));
}

/** A step as a person would type it. */
export function stepText(step: StepAction): string {
  switch (step.kind) {
    case 'fault':
      return ['fault', step.verb, step.target, ...Object.entries(step.args).map(([k, v]) => `--${k} ${v}`)]
        .filter((t) => t !== '')
        .join(' ');
    case 'heal':
      return `fault heal${step.target === 'all' ? '' : ` ${step.target}`}`;
    case 'kubectl':
      return `kubectl ${step.args}`;
    case 'load':
      return `load ${step.load.script}`;
    case 'probe':
      return `probe ${step.name}`;
    case 'wait':
      return step.ms === 'steady' ? 'wait until steady' : `wait ${step.ms} ms`;
    case 'parallel':
    case 'serial':
      return `${step.kind}: ${step.steps.map(stepText).join('; ')}`;
  }
}
