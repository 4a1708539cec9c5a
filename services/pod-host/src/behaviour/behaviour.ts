import { parseDuration } from '@svclab/core';

/** Prefix of the annotations that set an emulated container's behaviour. */
export const BEHAVIOUR_PREFIX = 'svclab.dev/';

/** What health endpoints say: all 200, all 503, or only the readiness ones 503. */
export type Health = 'ok' | 'fail' | 'unready';

/**
 * What becomes of connections: `serve` takes and answers them; `refuse` closes the listening sockets, so that the kernel refuses new ones
 * while those that are open go on; `hang` takes them and answers nothing, to nobody, until it serves again.
 */
export type Connections = 'serve' | 'refuse' | 'hang';

/** How an emulated container behaves now. */
export interface Behaviour {
  /** Added before every answer, milliseconds, uniform between the two. */
  readonly latency: { readonly min: number; readonly max: number };
  /** Share of requests answered with an error, 0 to 1. Health endpoints are spared. */
  readonly errorRate: number;
  /** Status of those errors, 500 to 599. */
  readonly errorStatus: number;
  readonly connections: Connections;
  /** Time between the container's start and its listening, milliseconds. */
  readonly startupDelay: number;
  readonly health: Health;
  /** What each request calls before it is answered. */
  readonly upstream: URL | undefined;
  /** Whether connections to the upstream are kept for the next request. */
  readonly upstreamKeepAlive: boolean;
  /** Longest wait for the upstream's whole answer, milliseconds. */
  readonly upstreamTimeout: number;
  /** Time after which the container ends by itself, milliseconds; undefined: never. */
  readonly exitAfter: number | undefined;
  readonly exitCode: number;
}

/** A behaviour key that does not exist, or a value it does not take. */
export class BehaviourError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BehaviourError';
  }
}

type Parser = (text: string) => Partial<Behaviour> | undefined;

const bool = (text: string): boolean | undefined => ({ true: true, false: false })[text.toLowerCase()];
const range = (text: string): Behaviour['latency'] | undefined => {
  const [from, to] = text.split('-', 2).map((part) => parseDuration(part));
  if (from === undefined) return undefined;
  if (!text.includes('-')) return { min: from, max: from };
  return to === undefined || to < from ? undefined : { min: from, max: to };
};
const ratio = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]) / (match[2] === '%' ? 100 : 1);
  return value <= 1 ? value : undefined;
};
const httpUrl = (text: string): URL | undefined => {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' ? url : undefined;
};
const wrap = <K extends keyof Behaviour>(key: K, value: Behaviour[K] | undefined): Partial<Behaviour> | undefined =>
  value === undefined ? undefined : ({ [key]: value } as Partial<Behaviour>);

/** The keys, each with what it takes. */
const KEYS: Readonly<Record<string, { readonly takes: string; readonly parse: Parser }>> = {
  latency: { takes: 'a duration or a range, 20ms or 20ms-80ms', parse: (t) => wrap('latency', range(t)) },
  'error-rate': { takes: 'a share, 0.1 or 10%', parse: (t) => wrap('errorRate', ratio(t)) },
  'error-status': {
    takes: 'a status from 500 to 599',
    parse: (t) => wrap('errorStatus', /^5\d\d$/.test(t) ? Number(t) : undefined),
  },
  connections: {
    takes: 'serve, refuse or hang',
    parse: (t) =>
      wrap(
        'connections',
        (['serve', 'refuse', 'hang'] as const).find((c) => c === t),
      ),
  },
  'startup-delay': { takes: 'a duration such as 3s', parse: (t) => wrap('startupDelay', parseDuration(t)) },
  health: {
    takes: 'ok, fail or unready',
    parse: (t) =>
      wrap(
        'health',
        (['ok', 'fail', 'unready'] as const).find((h) => h === t),
      ),
  },
  upstream: { takes: 'a URL such as http://api.shop:8080/', parse: (t) => wrap('upstream', httpUrl(t)) },
  'upstream-keepalive': { takes: 'true or false', parse: (t) => wrap('upstreamKeepAlive', bool(t)) },
  'upstream-timeout': { takes: 'a duration such as 2s', parse: (t) => wrap('upstreamTimeout', parseDuration(t)) },
  'exit-after': { takes: 'a duration such as 10s', parse: (t) => wrap('exitAfter', parseDuration(t)) },
  'exit-code': {
    takes: 'a number from 0 to 255',
    parse: (t) => wrap('exitCode', /^\d+$/.test(t) && Number(t) < 256 ? Number(t) : undefined),
  },
};

/** Names of the keys, without the annotation prefix. */
export const BEHAVIOUR_KEYS: readonly string[] = Object.keys(KEYS);

/** What one key's value changes. Fails with {@link BehaviourError} naming key, value and what would be right. */
export function parseBehaviour(key: string, value: string): Partial<Behaviour> {
  if (!Object.hasOwn(KEYS, key))
    throw new BehaviourError(`Unknown behaviour "${key}": the keys are ${BEHAVIOUR_KEYS.join(', ')}`);
  const definition = KEYS[key] as (typeof KEYS)[string];
  const parsed = definition.parse(value);
  if (!parsed) throw new BehaviourError(`Behaviour ${key} does not take "${value}": give ${definition.takes}`);
  return parsed;
}

/** Where a behaviour comes from, weakest first. */
export interface BehaviourSources {
  /** Knob `pods.startupDelay`, milliseconds. */
  readonly startupDelay: number;
  /** The container's environment; `UPSTREAM_URL` is the one that counts. */
  readonly env: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Set at run time: key -> value. */
  readonly overrides: ReadonlyMap<string, string>;
}

/**
 * The behaviour that holds: knobs, then environment, annotations, run-time settings.
 * An annotation that cannot be read is left out and listed in `problems`, as a real container would start regardless.
 */
export function resolveBehaviour(sources: BehaviourSources): { behaviour: Behaviour; problems: readonly string[] } {
  const problems: string[] = [];
  let behaviour: Behaviour = {
    latency: { min: 0, max: 0 },
    errorRate: 0,
    errorStatus: 500,
    connections: 'serve',
    startupDelay: sources.startupDelay,
    health: 'ok',
    upstream: undefined,
    upstreamKeepAlive: false,
    upstreamTimeout: 10_000,
    exitAfter: undefined,
    exitCode: 1,
  };
  const apply = (key: string, value: string): void => {
    try {
      behaviour = { ...behaviour, ...parseBehaviour(key, value) };
    } catch (error) {
      problems.push((error as Error).message);
    }
  };
  if (sources.env.UPSTREAM_URL) apply('upstream', sources.env.UPSTREAM_URL);
  for (const key of BEHAVIOUR_KEYS) {
    const value = sources.overrides.get(key) ?? sources.annotations[BEHAVIOUR_PREFIX + key];
    if (value !== undefined) apply(key, value);
  }
  return { behaviour, problems };
}
