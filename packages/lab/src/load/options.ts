/** The `options` a script exports, read and checked. Names, defaults and meaning are k6's (grafana.com/docs/k6, "Options reference" and "Executors"). */
import { ScriptError } from './errors.ts';

/** A part of a ramp: reach `target` (iterations per time unit) within `durationMs`. */
export interface Stage {
  readonly durationMs: number;
  readonly target: number;
}

interface ScenarioBase {
  readonly name: string;
  /** Name of the exported function an iteration runs. */
  readonly exec: string;
  readonly startTimeMs: number;
  /** How long running iterations may go on after the scenario's end. */
  readonly gracefulStopMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** One scenario with everything defaulted. Rates are iterations per `timeUnitMs`. */
export type Scenario = ScenarioBase &
  (
    | {
        readonly executor: 'constant-arrival-rate';
        readonly rate: number;
        readonly timeUnitMs: number;
        readonly durationMs: number;
        readonly preAllocatedVUs: number;
        readonly maxVUs: number;
      }
    | {
        readonly executor: 'ramping-arrival-rate';
        readonly startRate: number;
        readonly stages: readonly Stage[];
        readonly timeUnitMs: number;
        readonly preAllocatedVUs: number;
        readonly maxVUs: number;
      }
    | { readonly executor: 'constant-vus'; readonly vus: number; readonly durationMs: number }
    | {
        readonly executor: 'per-vu-iterations';
        readonly vus: number;
        readonly iterations: number;
        readonly maxDurationMs: number;
      }
    | {
        readonly executor: 'shared-iterations';
        readonly vus: number;
        readonly iterations: number;
        readonly maxDurationMs: number;
      }
  );

/** One threshold of a metric (or of its samples with certain tags). */
export interface ThresholdOption {
  readonly expression: string;
  readonly abortOnFail: boolean;
  readonly delayAbortEvalMs: number;
}

/** Options with everything defaulted. */
export interface LoadOptions {
  readonly scenarios: readonly Scenario[];
  /** Metric name, possibly with `{tag:value}`, to its thresholds. */
  readonly thresholds: Readonly<Record<string, readonly ThresholdOption[]>>;
  /** A connection per request. */
  readonly noConnectionReuse: boolean;
  /** A VU's connections end with its iteration. */
  readonly noVUConnectionReuse: boolean;
  readonly discardResponseBodies: boolean;
  readonly insecureSkipTLSVerify: boolean;
  readonly maxRedirects: number;
  readonly userAgent: string;
  readonly setupTimeoutMs: number;
  readonly teardownTimeoutMs: number;
  readonly summaryTrendStats: readonly string[];
  readonly summaryTimeUnit: string;
  readonly tags: Readonly<Record<string, string>>;
}

type Raw = Readonly<Record<string, unknown>>;

/** Options that are understood, and those that change nothing here. */
const KNOWN = new Set([
  'scenarios',
  'thresholds',
  'vus',
  'iterations',
  'duration',
  'noConnectionReuse',
  'noVUConnectionReuse',
  'discardResponseBodies',
  'insecureSkipTLSVerify',
  'maxRedirects',
  'userAgent',
  'setupTimeout',
  'teardownTimeout',
  'summaryTrendStats',
  'summaryTimeUnit',
  'tags',
  // Names are resolved anew for every connection, as `dns: {ttl: '0'}` says; batches and usage reports do not exist here.
  'dns',
  'batch',
  'batchPerHost',
  'noUsageReport',
  'systemTags',
]);

const SCENARIO_KEYS: Readonly<Record<Scenario['executor'], readonly string[]>> = {
  'constant-arrival-rate': ['rate', 'timeUnit', 'duration', 'preAllocatedVUs', 'maxVUs'],
  'ramping-arrival-rate': ['startRate', 'stages', 'timeUnit', 'preAllocatedVUs', 'maxVUs'],
  'constant-vus': ['vus', 'duration'],
  'per-vu-iterations': ['vus', 'iterations', 'maxDuration'],
  'shared-iterations': ['vus', 'iterations', 'maxDuration'],
};
const BASE_KEYS = ['executor', 'exec', 'startTime', 'gracefulStop', 'env', 'tags'];

/** Parses k6's durations: `1m30s`, `500ms`, or a number of milliseconds. Fails with {@link ScriptError} naming `what`. */
export function durationMs(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) {
    const factor: Readonly<Record<string, number>> = {
      h: 3_600_000,
      m: 60_000,
      s: 1000,
      ms: 1,
      us: 1e-3,
      µs: 1e-3,
      ns: 1e-6,
    };
    let sum = 0;
    for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g))
      sum += Number(n) * (factor[unit ?? ''] ?? 0);
    return sum;
  }
  throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give a duration such as "30s" or "1m30s"`);
}

function count(value: unknown, what: string, min: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min) return value;
  throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give a number, ${min} or more`);
}

function whole(value: unknown, what: string, min: number): number {
  if (Number.isInteger(value)) return count(value, what, min);
  throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give a whole number, ${min} or more`);
}

function record(value: unknown, what: string): Raw {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Raw;
  throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give an object`);
}

function texts(value: unknown, what: string): Record<string, string> {
  return value === undefined
    ? {}
    : Object.fromEntries(Object.entries(record(value, what)).map(([k, v]) => [k, String(v)]));
}

/** Reads a script's options. `overrides` win over what the script says. Fails with {@link ScriptError} naming the option. */
export function readOptions(exported: unknown): LoadOptions {
  const raw = exported === undefined ? {} : record(exported, '');
  for (const key of Object.keys(raw))
    if (!KNOWN.has(key)) throw new ScriptError(`Option "${key}" needs k6: the built-in load host does not know it`);
  const flag = (name: string): boolean => raw[name] === true || raw[name] === 'true';
  return {
    scenarios:
      raw.scenarios === undefined
        ? [shortcut(raw)]
        : Object.entries(record(raw.scenarios, 'scenarios')).map(([n, s]) => scenario(n, record(s, `scenarios.${n}`))),
    thresholds: thresholds(raw.thresholds),
    noConnectionReuse: flag('noConnectionReuse'),
    noVUConnectionReuse: flag('noVUConnectionReuse'),
    discardResponseBodies: flag('discardResponseBodies'),
    insecureSkipTLSVerify: flag('insecureSkipTLSVerify'),
    maxRedirects: whole(raw.maxRedirects ?? 10, 'maxRedirects', 0),
    userAgent: String(raw.userAgent ?? 'svclab-load (k6 script host)'),
    setupTimeoutMs: durationMs(raw.setupTimeout ?? '60s', 'setupTimeout'),
    teardownTimeoutMs: durationMs(raw.teardownTimeout ?? '60s', 'teardownTimeout'),
    summaryTrendStats: Array.isArray(raw.summaryTrendStats)
      ? raw.summaryTrendStats.map(String)
      : ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'],
    summaryTimeUnit: String(raw.summaryTimeUnit ?? ''),
    tags: texts(raw.tags, 'tags'),
  };
}

/** The scenario that `vus`, `iterations` and `duration` mean without `scenarios`. */
function shortcut(raw: Raw): Scenario {
  const vus = raw.vus ?? 1;
  if (raw.iterations !== undefined)
    return scenario('default', {
      executor: 'shared-iterations',
      vus,
      iterations: raw.iterations,
      maxDuration: raw.duration ?? '10m',
    });
  if (raw.duration !== undefined) return scenario('default', { executor: 'constant-vus', vus, duration: raw.duration });
  return scenario('default', { executor: 'shared-iterations', vus, iterations: vus });
}

function scenario(name: string, raw: Raw): Scenario {
  const at = (key: string): string => `scenarios.${name}.${key}`;
  const executor = raw.executor as Scenario['executor'];
  const own = SCENARIO_KEYS[executor];
  if (!own)
    throw new ScriptError(
      `Executor "${String(raw.executor)}" of scenario "${name}" needs k6: the built-in load host has ${Object.keys(SCENARIO_KEYS).join(', ')}`,
    );
  for (const key of Object.keys(raw))
    if (!own.includes(key) && !BASE_KEYS.includes(key))
      throw new ScriptError(`options.${at(key)} is no setting of ${executor}: it has ${own.join(', ')}`);
  const base = {
    name,
    exec: String(raw.exec ?? 'default'),
    startTimeMs: durationMs(raw.startTime ?? 0, at('startTime')),
    gracefulStopMs: durationMs(raw.gracefulStop ?? '30s', at('gracefulStop')),
    env: texts(raw.env, at('env')),
    tags: texts(raw.tags, at('tags')),
  };
  switch (executor) {
    case 'constant-arrival-rate':
      return {
        ...base,
        executor,
        ...arrival(raw, at),
        rate: count(raw.rate, at('rate'), 0.001),
        durationMs: durationMs(raw.duration, at('duration')),
      };
    case 'ramping-arrival-rate':
      return {
        ...base,
        executor,
        ...arrival(raw, at),
        startRate: count(raw.startRate ?? 0, at('startRate'), 0),
        stages: stages(raw.stages, at('stages')),
      };
    case 'constant-vus':
      return {
        ...base,
        executor,
        vus: whole(raw.vus ?? 1, at('vus'), 1),
        durationMs: durationMs(raw.duration, at('duration')),
      };
    default:
      return {
        ...base,
        executor,
        vus: whole(raw.vus ?? 1, at('vus'), 1),
        iterations: whole(raw.iterations ?? 1, at('iterations'), 1),
        maxDurationMs: durationMs(raw.maxDuration ?? '10m', at('maxDuration')),
      };
  }
}

/** What both arrival-rate executors have. */
function arrival(raw: Raw, at: (key: string) => string) {
  const preAllocatedVUs = whole(raw.preAllocatedVUs, at('preAllocatedVUs'), 0);
  return {
    timeUnitMs: durationMs(raw.timeUnit ?? '1s', at('timeUnit')),
    preAllocatedVUs,
    maxVUs: whole(raw.maxVUs ?? preAllocatedVUs, at('maxVUs'), Math.max(1, preAllocatedVUs)),
  };
}

function stages(value: unknown, what: string): Stage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new ScriptError(`options.${what} is ${JSON.stringify(value)}: give a list of {duration, target}`);
  return value.map((s: Raw, i) => ({
    durationMs: durationMs(s.duration, `${what}[${i}].duration`),
    target: count(s.target, `${what}[${i}].target`, 0),
  }));
}

function thresholds(value: unknown): Record<string, ThresholdOption[]> {
  const result: Record<string, ThresholdOption[]> = {};
  if (value === undefined) return result;
  for (const [metric, list] of Object.entries(record(value, 'thresholds'))) {
    if (!Array.isArray(list))
      throw new ScriptError(
        `options.thresholds["${metric}"] is ${JSON.stringify(list)}: give a list such as ["p(95)<200"]`,
      );
    result[metric] = list.map((entry: unknown) => {
      if (typeof entry === 'string') return { expression: entry, abortOnFail: false, delayAbortEvalMs: 0 };
      const raw = record(entry, `thresholds["${metric}"]`);
      return {
        expression: String(raw.threshold),
        abortOnFail: raw.abortOnFail === true,
        delayAbortEvalMs: durationMs(raw.delayAbortEval ?? 0, `thresholds["${metric}"].delayAbortEval`),
      };
    });
  }
  return result;
}
