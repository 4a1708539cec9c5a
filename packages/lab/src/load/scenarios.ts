/** The scenarios of a script's options, read and checked. Names, defaults and meaning are k6's (grafana.com/docs/k6, "Scenarios" and "Executors"). */
import { ScriptError } from './errors.ts';
import { count, durationMs, list, type Raw, record, texts, whole } from './option-values.ts';

/** A part of a ramp: reach `target` (iterations per time unit, or VUs) within `durationMs`. */
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

/** What both arrival-rate executors have. Rates are iterations per `timeUnitMs`. */
interface ArrivalSettings {
  readonly timeUnitMs: number;
  readonly preAllocatedVUs: number;
  readonly maxVUs: number;
}

/** One scenario with everything defaulted. */
export type Scenario = ScenarioBase &
  (
    | (ArrivalSettings & {
        readonly executor: 'constant-arrival-rate';
        readonly rate: number;
        readonly durationMs: number;
      })
    | (ArrivalSettings & {
        readonly executor: 'ramping-arrival-rate';
        readonly startRate: number;
        readonly stages: readonly Stage[];
      })
    | { readonly executor: 'constant-vus'; readonly vus: number; readonly durationMs: number }
    | {
        readonly executor: 'ramping-vus';
        readonly startVUs: number;
        readonly stages: readonly Stage[];
        readonly gracefulRampDownMs: number;
      }
    | {
        readonly executor: 'per-vu-iterations' | 'shared-iterations';
        readonly vus: number;
        readonly iterations: number;
        readonly maxDurationMs: number;
      }
  );

const SETTINGS: Readonly<Record<Scenario['executor'], readonly string[]>> = {
  'constant-arrival-rate': ['rate', 'timeUnit', 'duration', 'preAllocatedVUs', 'maxVUs'],
  'ramping-arrival-rate': ['startRate', 'stages', 'timeUnit', 'preAllocatedVUs', 'maxVUs'],
  'constant-vus': ['vus', 'duration'],
  'ramping-vus': ['startVUs', 'stages', 'gracefulRampDown'],
  'per-vu-iterations': ['vus', 'iterations', 'maxDuration'],
  'shared-iterations': ['vus', 'iterations', 'maxDuration'],
};
const COMMON = ['executor', 'exec', 'startTime', 'gracefulStop', 'env', 'tags'];
const SHORTCUTS = ['iterations', 'duration', 'stages'];

/** All scenarios of a script's options, also those that `vus`, `iterations`, `duration` and `stages` mean. Fails with {@link ScriptError}. */
export function readScenarios(raw: Raw): Scenario[] {
  const shortcuts = SHORTCUTS.filter((name) => raw[name] !== undefined);
  const both = raw.scenarios !== undefined ? 'scenarios' : raw.stages !== undefined ? 'stages' : undefined;
  const clash = both && shortcuts.find((name) => name !== both);
  if (clash)
    throw new ScriptError(`Options "${both}" and "${clash}" both say what to run, which k6 refuses: keep one`, clash);
  if (raw.scenarios === undefined) return [shortcut(raw)];
  const scenarios = Object.entries(record(raw.scenarios, 'scenarios'));
  if (scenarios.length === 0) throw new ScriptError('options.scenarios is empty: give a scenario', 'scenarios');
  return scenarios.map(([name, s]) => readScenario(name, record(s, `scenarios.${name}`)));
}

function shortcut(raw: Raw): Scenario {
  const vus = raw.vus ?? 1;
  if (raw.stages !== undefined)
    return readScenario('default', { executor: 'ramping-vus', startVUs: vus, stages: raw.stages });
  if (raw.iterations !== undefined)
    return readScenario('default', {
      executor: 'shared-iterations',
      vus,
      iterations: raw.iterations,
      maxDuration: raw.duration ?? '10m',
    });
  if (raw.duration !== undefined)
    return readScenario('default', { executor: 'constant-vus', vus, duration: raw.duration });
  return readScenario('default', { executor: 'shared-iterations', vus, iterations: vus });
}

function readScenario(name: string, raw: Raw): Scenario {
  const at = (key: string): string => `scenarios.${name}.${key}`;
  const executor = raw.executor as Scenario['executor'];
  const own = Object.hasOwn(SETTINGS, executor) ? SETTINGS[executor] : undefined;
  if (!own)
    throw new ScriptError(
      `Executor ${JSON.stringify(raw.executor)} of scenario "${name}" is not known: give one of ${Object.keys(SETTINGS).join(', ')}`,
      typeof raw.executor === 'string' ? raw.executor : name,
    );
  for (const key of Object.keys(raw))
    if (!own.includes(key) && !COMMON.includes(key))
      throw new ScriptError(`options.${at(key)} is no setting of ${executor}: it has ${own.join(', ')}`, key);
  const base = {
    name,
    exec: String(raw.exec ?? 'default'),
    startTimeMs: durationMs(raw.startTime ?? 0, at('startTime')),
    gracefulStopMs: durationMs(raw.gracefulStop ?? '30s', at('gracefulStop')),
    env: texts(raw.env, at('env')),
    tags: texts(raw.tags, at('tags')),
  };
  return { ...base, ...settings(executor, raw, at) } as Scenario;
}

function settings(executor: Scenario['executor'], raw: Raw, at: (key: string) => string) {
  switch (executor) {
    case 'constant-arrival-rate':
      return {
        executor,
        ...arrival(raw, at),
        rate: count(raw.rate, at('rate'), 0.001),
        durationMs: durationMs(raw.duration, at('duration')),
      };
    case 'ramping-arrival-rate':
      return {
        executor,
        ...arrival(raw, at),
        startRate: count(raw.startRate ?? 0, at('startRate'), 0),
        stages: stages(raw.stages, at('stages')),
      };
    case 'ramping-vus':
      return {
        executor,
        startVUs: whole(raw.startVUs ?? 1, at('startVUs'), 0),
        stages: stages(raw.stages, at('stages')).map((s, i) => ({
          ...s,
          target: whole(s.target, at(`stages[${i}].target`), 0),
        })),
        gracefulRampDownMs: durationMs(raw.gracefulRampDown ?? '30s', at('gracefulRampDown')),
      };
    case 'constant-vus':
      return {
        executor,
        vus: whole(raw.vus ?? 1, at('vus'), 1),
        durationMs: durationMs(raw.duration, at('duration')),
      };
    default:
      return {
        executor,
        vus: whole(raw.vus ?? 1, at('vus'), 1),
        iterations: whole(raw.iterations ?? 1, at('iterations'), 1),
        maxDurationMs: durationMs(raw.maxDuration ?? '10m', at('maxDuration')),
      };
  }
}

function arrival(raw: Raw, at: (key: string) => string): ArrivalSettings {
  const preAllocatedVUs = whole(raw.preAllocatedVUs, at('preAllocatedVUs'), 0);
  return {
    timeUnitMs: durationMs(raw.timeUnit ?? '1s', at('timeUnit')),
    preAllocatedVUs,
    maxVUs: whole(raw.maxVUs ?? preAllocatedVUs, at('maxVUs'), Math.max(1, preAllocatedVUs)),
  };
}

function stages(value: unknown, what: string): Stage[] {
  return list(value, what, '{duration, target}').map((stage, i) => {
    const s = record(stage, `${what}[${i}]`);
    return {
      durationMs: durationMs(s.duration, `${what}[${i}].duration`),
      target: count(s.target, `${what}[${i}].target`, 0),
    };
  });
}
