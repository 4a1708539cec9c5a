/** The `options` a script exports, read and checked. Names, defaults and meaning are k6's (grafana.com/docs/k6, "Options reference"). */
import { ScriptError } from './errors.ts';
import { choice, durationMs, list, type Raw, record, texts, whole } from './option-values.ts';
import { readScenarios, type Scenario } from './scenarios.ts';

/** One threshold of a metric (or of its samples with certain tags). */
export interface ThresholdOption {
  readonly expression: string;
  readonly abortOnFail: boolean;
  readonly delayAbortEvalMs: number;
}

/** How names become addresses (k6 `dns`). */
export interface DnsOptions {
  /** How long an answer is used again, milliseconds; 0: every connection asks. */
  readonly ttlMs: number;
  /** Which of several addresses a connection takes. */
  readonly select: 'first' | 'random' | 'roundRobin';
  readonly policy: 'preferIPv4' | 'preferIPv6' | 'onlyIPv4' | 'onlyIPv6' | 'any';
}

/** Options with everything defaulted. */
export interface LoadOptions {
  readonly scenarios: readonly Scenario[];
  /** Metric name, possibly with `{tag:value}`, to its thresholds. */
  readonly thresholds: Readonly<Record<string, readonly ThresholdOption[]>>;
  readonly dns: DnsOptions;
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
  /** Unit of times in the summary's text; empty for milliseconds. */
  readonly summaryTimeUnit: '' | 's' | 'ms' | 'us';
  readonly tags: Readonly<Record<string, string>>;
  /** Tags of the host's own that samples carry. */
  readonly systemTags: ReadonlySet<string>;
  /** As the script exported them, for `exec.test.options`. */
  readonly exported: Raw;
}

/** Options that are understood, and those that change nothing here: batches and usage reports do not exist. */
const KNOWN = new Set([
  ...['scenarios', 'thresholds', 'vus', 'iterations', 'duration', 'stages', 'dns', 'tags', 'systemTags', 'userAgent'],
  ...['noConnectionReuse', 'noVUConnectionReuse', 'discardResponseBodies', 'insecureSkipTLSVerify', 'maxRedirects'],
  ...['setupTimeout', 'teardownTimeout', 'summaryTrendStats', 'summaryTimeUnit'],
  ...['batch', 'batchPerHost', 'noUsageReport'],
]);

/** k6's default system tags that the host has samples for. */
const SYSTEM_TAGS = [
  ...['proto', 'status', 'method', 'url', 'name', 'group', 'check', 'error', 'error_code', 'scenario'],
  'expected_response',
];
/** k6's further default system tags, of things that do not occur here. */
const FOREIGN_TAGS = ['subproto', 'tls_version', 'service'];
const TREND_STAT = /^(avg|min|med|max|count|p\(\d+(\.\d+)?\))$/;

/** Reads a script's options. Fails with {@link ScriptError} naming the option. */
export function readOptions(exported: unknown): LoadOptions {
  const raw = exported === undefined ? {} : record(exported, '');
  for (const key of Object.keys(raw))
    if (!KNOWN.has(key))
      throw new ScriptError(`Option "${key}" needs k6: the built-in load host does not know it`, key);
  const flag = (name: string): boolean => raw[name] === true || raw[name] === 'true';
  return {
    scenarios: readScenarios(raw),
    thresholds: thresholds(raw.thresholds),
    dns: dns(raw.dns),
    noConnectionReuse: flag('noConnectionReuse'),
    noVUConnectionReuse: flag('noVUConnectionReuse'),
    discardResponseBodies: flag('discardResponseBodies'),
    insecureSkipTLSVerify: flag('insecureSkipTLSVerify'),
    maxRedirects: whole(raw.maxRedirects ?? 10, 'maxRedirects', 0),
    userAgent: String(raw.userAgent ?? 'svclab-load (k6 script host)'),
    setupTimeoutMs: durationMs(raw.setupTimeout ?? '60s', 'setupTimeout'),
    teardownTimeoutMs: durationMs(raw.teardownTimeout ?? '60s', 'teardownTimeout'),
    summaryTrendStats: trendStats(raw.summaryTrendStats),
    summaryTimeUnit:
      raw.summaryTimeUnit === undefined ? '' : choice(raw.summaryTimeUnit, 'summaryTimeUnit', ['', 's', 'ms', 'us']),
    tags: texts(raw.tags, 'tags'),
    systemTags: systemTags(raw.systemTags),
    exported: raw,
  };
}

function trendStats(value: unknown): string[] {
  if (value === undefined) return ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];
  const stats = list(value, 'summaryTrendStats', 'avg, min, med, max, count or p(N)').map(String);
  const unknown = stats.find((stat) => !TREND_STAT.test(stat));
  if (unknown !== undefined)
    throw new ScriptError(
      `options.summaryTrendStats has "${unknown}": give avg, min, med, max, count or p(N)`,
      'summaryTrendStats',
    );
  return stats;
}

function systemTags(value: unknown): ReadonlySet<string> {
  if (value === undefined) return new Set(SYSTEM_TAGS);
  if (!Array.isArray(value))
    throw new ScriptError(`options.systemTags is ${JSON.stringify(value)}: give a list of names`, 'systemTags');
  const unknown = value.find((tag) => !SYSTEM_TAGS.includes(tag) && !FOREIGN_TAGS.includes(tag));
  if (unknown !== undefined)
    throw new ScriptError(
      `System tag "${String(unknown)}" needs k6: the built-in load host has ${SYSTEM_TAGS.join(', ')}`,
      'systemTags',
    );
  return new Set(value.map(String));
}

function dns(value: unknown): DnsOptions {
  const raw = value === undefined ? {} : record(value, 'dns');
  const ttl = raw.ttl ?? '5m';
  return {
    ttlMs: ttl === 'inf' ? Number.POSITIVE_INFINITY : durationMs(ttl, 'dns.ttl'),
    select: choice(raw.select ?? 'random', 'dns.select', ['first', 'random', 'roundRobin']),
    policy: choice(raw.policy ?? 'preferIPv4', 'dns.policy', [
      ...(['preferIPv4', 'preferIPv6', 'onlyIPv4', 'onlyIPv6', 'any'] as const),
    ]),
  };
}

function thresholds(value: unknown): Record<string, ThresholdOption[]> {
  const result: Record<string, ThresholdOption[]> = {};
  if (value === undefined) return result;
  for (const [metric, expressions] of Object.entries(record(value, 'thresholds'))) {
    if (!Array.isArray(expressions))
      throw new ScriptError(
        `options.thresholds["${metric}"] is ${JSON.stringify(expressions)}: give a list such as ["p(95)<200"]`,
        metric,
      );
    result[metric] = expressions.map((entry: unknown) => {
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
