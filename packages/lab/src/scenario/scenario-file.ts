/** Scenario files: a lab, manifests, a steady state, a load, faults with their times, and what must hold. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDuration } from '@svclab/core';
import { parse } from 'yaml';
import { labFile } from '../plan/lab-file.ts';
import { badInput } from '../state/errors.ts';
import { type Expectation, parseExpectation } from './expectation.ts';
import type { Step } from './experiment.ts';
import type { ServiceRef } from './steady.ts';

/** A scenario with everything defaulted. Paths are absolute, times milliseconds. */
export interface Scenario {
  readonly title: string;
  readonly lab: { readonly nodes: number; readonly profile: string; readonly set: Readonly<Record<string, string>> };
  /** For `kubectl apply -f`, in order. */
  readonly manifests: readonly string[];
  /** The LoadBalancer Service under test. */
  readonly service: ServiceRef;
  /** How long the undisturbed Service is measured before the first step, and what it may lose. */
  readonly steadyState: { readonly durationMs: number; readonly maxLost: number };
  /** `path` is what the prober asks for: one that does not call other Services keeps their failures out of the VIP's figures. */
  readonly probe: { readonly intervalMs: number; readonly timeoutMs: number; readonly path: string };
  readonly load: { readonly script: string; readonly env: Readonly<Record<string, string>> } | undefined;
  readonly method: readonly Step[];
  readonly durationMs: number;
  readonly expectations: readonly Expectation[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads one mapping field by field; what is left over is unknown. All messages name the field by its path. */
class Reader {
  readonly #fields: Map<string, unknown>;
  readonly #path: string;
  readonly #known: string[] = [];

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badInput(`Field ${path || '(top)'} is ${show(value)}: give a mapping`);
    this.#fields = new Map(Object.entries(value as Fields));
    this.#path = path;
  }

  at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  take(key: string): unknown {
    this.#known.push(key);
    const value = this.#fields.get(key);
    this.#fields.delete(key);
    return value;
  }

  text(key: string, otherwise?: string): string {
    const value = this.take(key) ?? otherwise;
    if (typeof value === 'string' && value !== '') return value;
    throw badInput(`Field ${this.at(key)} is ${show(value)}: give a text`);
  }

  whole(key: string, otherwise: number): number {
    const value = this.take(key) ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
    throw badInput(`Field ${this.at(key)} is ${show(value)}: give a whole number`);
  }

  duration(key: string, otherwise?: string): number {
    const value = this.take(key) ?? otherwise;
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    if (ms !== undefined) return ms;
    throw badInput(`Field ${this.at(key)} is ${show(value)}: give a duration such as 500ms or 3s`);
  }

  list(key: string): readonly unknown[] {
    const value = this.take(key) ?? [];
    if (Array.isArray(value)) return value;
    throw badInput(`Field ${this.at(key)} is ${show(value)}: give a list`);
  }

  /** Fails when a field was not asked for. */
  end(): void {
    const [key] = this.#fields.keys();
    if (key !== undefined) throw badInput(`Field ${this.at(key)} is not known: there are ${this.#known.join(', ')}`);
  }
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}

/** Reads a scenario file. Fails with a LabError (bad input) that names the field. */
export function readScenario(path: string): Scenario {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw badInput(`Scenario ${path} cannot be read: ${(error as Error).message}`);
  }
  return parseScenario(value, dirname(resolve(path)));
}

/** Checks the content of a scenario. Relative paths in it start at `folder`. */
export function parseScenario(value: unknown, folder: string): Scenario {
  const top = new Reader(value, '');
  const lab = readLab(top.take('lab'));
  const manifests = top.list('manifests').map((m, i) => {
    if (typeof m !== 'string') throw badInput(`Field manifests[${i}] is ${show(m)}: give a path`);
    return resolve(folder, m);
  });
  const service = readService(top.text('service'));
  const steady = new Reader(top.take('steadyState') ?? {}, 'steadyState');
  const steadyState = { durationMs: steady.duration('duration', '3s'), maxLost: steady.whole('maxLost', 0) };
  steady.end();
  const probe = readProbe(top.take('probe'));
  const load = readLoad(top.take('load'), folder);
  const method = readMethod(top.list('method'), steadyState.durationMs);
  const last = method[method.length - 1]?.atMs ?? steadyState.durationMs;
  const scenario: Scenario = {
    title: top.text('title', 'Scenario'),
    lab,
    manifests,
    service,
    steadyState,
    probe,
    load,
    method,
    durationMs: last + top.duration('recovery', '4s'),
    expectations: top.list('expectations').map((e, i) => {
      if (typeof e !== 'string')
        throw badInput(`Field expectations[${i}] is ${show(e)}: write it like dark_ms.new <= 500`);
      return parseExpectation(e, `expectations[${i}]`);
    }),
  };
  top.end();
  return scenario;
}

function readLab(value: unknown): Scenario['lab'] {
  const lab = new Reader(value ?? {}, 'lab');
  const nodes = lab.whole('nodes', 3);
  const profile = lab.text('profile', 'realistic');
  if (profile !== 'realistic' && profile !== 'fast')
    throw badInput(`Field lab.profile is "${profile}": give realistic or fast`);
  const set = lab.take('set') ?? {};
  lab.end();
  return { nodes, profile, set: labFile({ set }, 'lab.set').set ?? {} };
}

function readProbe(value: unknown): Scenario['probe'] {
  const probe = new Reader(value ?? {}, 'probe');
  const result = {
    intervalMs: probe.duration('interval', '10ms'),
    timeoutMs: probe.duration('timeout', '500ms'),
    path: probe.text('path', '/'),
  };
  probe.end();
  if (!result.path.startsWith('/')) throw badInput(`Field probe.path is "${result.path}": begin it with /`);
  if (result.intervalMs < 1) throw badInput(`Field probe.interval is ${result.intervalMs} ms: give 1ms or more`);
  return result;
}

function readService(text: string): ServiceRef {
  const [namespace = '', name = '', ...more] = text.split('/');
  if (namespace === '' || name === '' || more.length > 0)
    throw badInput(`Field service is "${text}": give NAMESPACE/NAME`);
  return { namespace, name };
}

function readLoad(value: unknown, folder: string): Scenario['load'] {
  if (value === undefined) return undefined;
  const load = new Reader(value, 'load');
  const script = resolve(folder, load.text('script'));
  const env = load.take('env') ?? {};
  load.end();
  if (typeof env !== 'object' || Array.isArray(env))
    throw badInput(`Field load.env is ${show(env)}: give a mapping from name to value`);
  return { script, env: Object.fromEntries(Object.entries(env as Fields).map(([k, v]) => [k, String(v)])) };
}

function readMethod(list: readonly unknown[], steadyMs: number): Step[] {
  const steps: Step[] = [];
  for (const [i, entry] of list.entries()) {
    const step = new Reader(entry, `method[${i}]`);
    const verb = step.text('fault');
    const target = step.text('target');
    const before = steps[i - 1]?.atMs ?? steadyMs;
    const [at, after] = [step.take('at'), step.take('after')];
    step.end();
    if (at !== undefined && after !== undefined) throw badInput(`Field method[${i}] has both at and after: give one`);
    const given = at ?? after ?? '0ms';
    const ms = typeof given === 'string' ? parseDuration(given) : undefined;
    const name = `method[${i}].${at === undefined ? 'after' : 'at'}`;
    if (ms === undefined) throw badInput(`Field ${name} is ${show(given)}: give a duration such as 500ms or 3s`);
    const atMs = at === undefined ? before + ms : ms;
    if (atMs < before)
      throw badInput(
        `Field ${name} is ${show(given)}: that is before ${i === 0 ? 'the steady state has been measured' : 'the step before it'} (${before} ms)`,
      );
    if (target === 'previous' && i === 0)
      throw badInput('Field method[0].target is "previous": there is no step before it');
    steps.push({ atMs, verb, target });
  }
  return steps;
}
