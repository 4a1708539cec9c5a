/** Scenario files: reading, checking, and the model that is run. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KnobError, type LabConfig, parseDuration, resolveKnobs } from '@svclab/core';
import { planLab } from '../plan/plan.ts';
import { badInput, LabError } from '../state/errors.ts';
import { type Expectation, parseExpectation } from './expectation.ts';
import { explain, fieldName, type Problem, show } from './explain.ts';
import { findFile } from './find-file.ts';
import { type LoadSpec, loadSpec } from './load-spec.ts';
import { type MethodStep, plannedMs, readSteps } from './method.ts';
import { type PROBE_MODES, SCENARIO_SCHEMA, type ScenarioInput, scenarioJsonSchema } from './schema.ts';
import type { ServiceRef } from './steady.ts';
import { substitute, type VariableValue, withValues } from './variables.ts';
import { type FieldPath, yamlSource } from './yaml-source.ts';

/** How a Service is reached, and from where. */
export interface TargetSpec {
  readonly service: ServiceRef;
  /** `loadbalancer`, `clusterip`, or `nodeport/NODE` where NODE may be `owner` or `other`. */
  readonly via: string;
  /** `client` or `node/NAME`. */
  readonly from: string;
  /** Path that is asked for. */
  readonly path: string;
}

/** A name that is looked up all along. */
export interface DnsSpec {
  readonly name: string;
  /** A DNS name, or `dns://NAME@SERVER`. */
  readonly query: string;
  /** The Service it belongs to; undefined when it belongs to none. */
  readonly service: ServiceRef | undefined;
  readonly intervalMs: number;
}

/** What a probe asks. */
export type ProbeQuestion =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'kubectl'; readonly args: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'dns'; readonly name: string };

/** What a probe must find. */
export type Tolerance =
  | { readonly kind: 'one-of'; readonly values: readonly string[] }
  | { readonly kind: 'range'; readonly low: number; readonly high: number }
  | { readonly kind: 'regex'; readonly pattern: RegExp };

/** A probe of the hypothesis. */
export interface HypothesisProbe {
  readonly name: string;
  readonly mode: (typeof PROBE_MODES)[number];
  readonly question: ProbeQuestion;
  readonly tolerance: Tolerance;
  readonly intervalMs: number;
  readonly attempts: number;
  readonly stopOnFailure: boolean;
}

/** A scenario with everything defaulted. Paths are absolute, times milliseconds. */
export interface Scenario {
  /** As it was given; empty when it did not come from a file. */
  readonly file: string;
  /** `FILE:LINE:COLUMN` of a field; empty when it did not come from a file. */
  readonly where: (path: FieldPath) => string;
  readonly title: string;
  readonly question: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly lab: {
    readonly nodes: number;
    readonly profile: 'realistic' | 'fast';
    readonly set: Readonly<Record<string, string>>;
    readonly ha: boolean;
  };
  /** For `kubectl apply -f`, in order. */
  readonly manifests: readonly string[];
  /** What is measured. */
  readonly target: TargetSpec;
  /** What is measured beside it. */
  readonly beside: readonly (TargetSpec & { readonly name: string })[];
  /** How long the undisturbed Service is measured before the first step, and what it may lose. */
  readonly steadyState: { readonly durationMs: number; readonly maxLost: number };
  readonly probes: readonly HypothesisProbe[];
  readonly probe: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly dns: readonly DnsSpec[];
  readonly load: LoadSpec | undefined;
  readonly method: readonly MethodStep[];
  readonly recoveryMs: number;
  /** What the measurement takes when no step takes longer than it says. */
  readonly durationMs: number;
  readonly rollback: { readonly strategy: 'always' | 'never' | 'deviated'; readonly steps: readonly MethodStep[] };
  readonly expectations: readonly Expectation[];
  /** Variants, run in turn; none: the scenario itself is the only one. */
  readonly cases: readonly ScenarioCase[];
  /** Checks whose violation is the point. */
  readonly expectViolation: readonly string[];
  readonly repeats: number;
  readonly seed: number | undefined;
  /** The first step begins up to this much later, at random. */
  readonly faultPhaseMs: number;
}

/** A variant of a scenario: the same lab, its own method. */
export interface ScenarioCase {
  readonly name: string;
  readonly variables: Readonly<Record<string, VariableValue>>;
  readonly scenario: Scenario;
}

/** What the command line changes. */
export interface ScenarioSettings {
  /** Values for variables the file declares. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Reads a scenario file. Fails with a LabError (bad input) whose lines name the place, the field, its value and what would be right. */
export function readScenario(path: string, settings: ScenarioSettings = {}): Scenario {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw badInput(`Scenario ${path} cannot be read: ${(error as Error).message}`);
  }
  const source = yamlSource(text, path);
  return parseScenario(source.value, dirname(resolve(path)), { ...settings, file: path, where: source.where });
}

/** Checks the content of a scenario. Relative paths in it start at `folder`. */
export function parseScenario(
  value: unknown,
  folder: string,
  options: ScenarioSettings & { readonly file?: string; readonly where?: (path: FieldPath) => string } = {},
): Scenario {
  const { where = () => '' } = options;
  const complain = (problems: readonly Problem[]): LabError =>
    badInput(problems.map((p) => [where(p.path), p.message].filter((t) => t !== '').join(': ')).join('\n'));
  const declared = (value as { variables?: Record<string, VariableValue> } | null)?.variables ?? {};
  const filled = substitute(value, withValues(declared, options.variables ?? {}), where);
  const parsed = SCENARIO_SCHEMA.safeParse(filled);
  if (!parsed.success) throw complain(explain(parsed.error.issues, filled, scenarioJsonSchema()));
  const problems: Problem[] = [];
  const scenario = build(parsed.data, folder, { file: options.file ?? '', where }, problems);
  if (problems.length > 0) throw complain(problems);
  if (parsed.data.cases.length === 0) return scenario;
  const { cases: _, ...alone } = value as Record<string, unknown>;
  return {
    ...scenario,
    cases: parsed.data.cases.map((c) => ({
      ...c,
      scenario: parseScenario({ ...alone, variables: withValues(declared, asText(c.variables)) }, folder, options),
    })),
  };
}

function asText(variables: Readonly<Record<string, VariableValue>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([k, v]) => [k, String(v)]));
}

/** The lab a scenario runs on, described but not made. Fails with a LabError. */
export function scenarioLab(scenario: Scenario, name = 'run', driver: 'netns' | 'docker' = 'netns'): LabConfig {
  return planLab({ ...scenario.lab, name, driver });
}

const ms = (text: string): number => parseDuration(text) ?? 0;

function build(
  input: ScenarioInput,
  folder: string,
  source: Pick<Scenario, 'file' | 'where'>,
  problems: Problem[],
): Scenario {
  const attempt = <T>(path: FieldPath, otherwise: T, make: () => T): T => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof LabError || error instanceof KnobError)) throw error;
      problems.push({ path, message: error.message });
      return otherwise;
    }
  };
  const { lab, probe } = input;
  const set = Object.fromEntries(Object.entries(lab.set).map(([k, v]) => [k, String(v)]));
  const knobs = attempt(['lab', 'set'], resolveKnobs(lab.profile), () => resolveKnobs(lab.profile, set));
  const target = { service: serviceRef(input.service), via: input.via, from: input.from, path: probe.path };
  if (ms(probe.interval) < 1)
    problems.push({
      path: ['probe', 'interval'],
      message: `Field probe.interval is ${show(probe.interval)}: give 1ms or more`,
    });
  const steadyMs = ms(input.steadyState.duration);
  const method = readSteps(input.method, ['method'], { folder, problems, beginMs: steadyMs });
  const names = new Set(input.probes.map((p) => p.name));
  checkProbeSteps(method, names, problems);
  const recoveryMs = ms(input.recovery);
  return {
    ...source,
    title: input.title,
    question: input.question,
    description: input.description,
    tags: input.tags,
    lab: { nodes: lab.nodes, profile: lab.profile, set, ha: lab.ha },
    manifests: input.manifests.map((m) => findFile(folder, m)),
    target,
    beside: input.beside.map((b) => ({
      name: b.name,
      service: b.service === undefined ? target.service : serviceRef(b.service),
      via: b.via,
      from: b.from,
      path: b.path ?? probe.path,
    })),
    steadyState: { durationMs: steadyMs, maxLost: input.steadyState.maxLost },
    probes: input.probes.map((p, i) =>
      hypothesisProbe(p, (make) => attempt(['probes', i, 'tolerance', 'regex'], /^/, make)),
    ),
    probe: { intervalMs: ms(probe.interval), timeoutMs: ms(probe.timeout) },
    dns: input.dns.map((d) => ({
      name: d.name,
      query: d.query,
      service: d.service === undefined ? serviceOfName(d.query) : serviceRef(d.service),
      intervalMs: ms(d.interval),
    })),
    load: input.load && loadSpec(input.load, folder),
    method,
    recoveryMs,
    durationMs: plannedMs(method, steadyMs) + recoveryMs,
    rollback: {
      strategy: input.rollback.strategy,
      steps: readSteps(input.rollback.steps, ['rollback', 'steps'], { folder, problems, beginMs: 0 }),
    },
    expectations: input.expectations.map((e, i) =>
      attempt(['expectations', i], { text: e, path: [], operator: '==', bound: 0 }, () =>
        parseExpectation(e, `expectations[${i}]`),
      ),
    ),
    cases: [],
    expectViolation: input.checks.expectViolation,
    repeats: input.repeats,
    seed: input.seed,
    faultPhaseMs: input.faultPhase === undefined ? knobs['membership.probeInterval'] : ms(input.faultPhase),
  };
}

function checkProbeSteps(steps: readonly MethodStep[], names: ReadonlySet<string>, problems: Problem[]): void {
  for (const step of steps) {
    if (step.kind === 'parallel' || step.kind === 'serial') checkProbeSteps(step.steps, names, problems);
    if (step.kind !== 'probe' || names.has(step.name)) continue;
    const path = [...step.path, 'probe'];
    problems.push({
      path,
      message: `Field ${fieldName(path)} is "${step.name}": ${names.size === 0 ? 'the scenario has no probes' : `give one of ${[...names].join(', ')}`}`,
    });
  }
}

function serviceRef(text: string): ServiceRef {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
}

/** `web.shop.svc.cluster.local` belongs to shop/web. */
function serviceOfName(query: string): ServiceRef | undefined {
  const match = /(?:^|[./])([^./@]+)\.([^./@]+)\.svc(?:[.@]|$)/.exec(query);
  return match ? { name: match[1] ?? '', namespace: match[2] ?? '' } : undefined;
}

function hypothesisProbe(p: ScenarioInput['probes'][number], pattern: (make: () => RegExp) => RegExp): HypothesisProbe {
  const question: ProbeQuestion =
    p.http !== undefined
      ? { kind: 'http', url: p.http }
      : p.kubectl !== undefined
        ? { kind: 'kubectl', args: p.kubectl }
        : p.exec !== undefined
          ? { kind: 'exec', command: p.exec }
          : { kind: 'dns', name: p.dns ?? '' };
  const { name, mode, attempts, stopOnFailure } = p;
  return {
    name,
    mode,
    question,
    tolerance: readTolerance(p.tolerance, pattern),
    intervalMs: ms(p.interval),
    attempts,
    stopOnFailure,
  };
}

function readTolerance(
  t: ScenarioInput['probes'][number]['tolerance'],
  pattern: (make: () => RegExp) => RegExp,
): Tolerance {
  if (typeof t !== 'object') return { kind: 'one-of', values: [String(t)] };
  if (Array.isArray(t)) return { kind: 'one-of', values: t.map(String) };
  if ('range' in t) return { kind: 'range', low: t.range[0], high: t.range[1] };
  return {
    kind: 'regex',
    pattern: pattern(() => {
      try {
        return new RegExp(t.regex);
      } catch (error) {
        throw badInput(`Regular expression "${t.regex}" is none: ${(error as Error).message}`);
      }
    }),
  };
}
