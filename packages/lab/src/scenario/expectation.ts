/** Expectations on a report: `dark_ms.new <= 500`. */
import type { ExpectationResult } from '../report/model.ts';
import { badInput } from '../state/errors.ts';

/** One expectation, taken apart. */
export interface Expectation {
  readonly text: string;
  /** Keys into the report. */
  readonly path: readonly string[];
  readonly operator: '<' | '<=' | '>' | '>=' | '==' | '!=';
  readonly bound: number | string;
}

/** How an expectation fared. */
export interface Verdict {
  readonly expectation: string;
  /** The value found; null when the report has none. */
  readonly value: number | string | null;
  readonly ok: boolean;
}

/** Parses one expectation. Fails with a LabError that names `field`. */
export function parseExpectation(text: string, field: string): Expectation {
  const match = /^\s*([a-z][\w-]*(?:\.[\w-]+)*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*$/i.exec(text);
  if (!match) throw badInput(`Field ${field} is "${text}": write it like dark_ms.new <= 500`);
  const bound = match[3] ?? '';
  const path = (match[1] ?? '').split('.');
  const unknown = unknownMetric(path);
  if (unknown !== undefined)
    throw badInput(`Field ${field} is about ${path.join('.')}, which no report has: ${unknown}`);
  return {
    text: text.trim(),
    path,
    operator: match[2] as Expectation['operator'],
    bound: Number.isFinite(Number(bound)) ? Number(bound) : bound,
  };
}

/** Judges an expectation by a report. A value that is not there does not hold. */
export function judge(expectation: Expectation, report: unknown): Verdict {
  const value = scalarAt(report, expectation.path);
  return { expectation: expectation.text, value, ok: value !== null && compare(value, expectation) };
}

/**
 * Judges an expectation by the whole report where that has the value (`dark_ms.new.p95`), else by every run (`dark_ms.new`), the worst of
 * which counts: the first that fails, or else the last.
 */
export function judgeReport(expectation: Expectation, report: unknown, runs: readonly unknown[]): ExpectationResult {
  const whole = judge(expectation, report);
  if (whole.value !== null || runs.length === 0) return result(whole);
  const each = runs.map((run) => judge(expectation, run));
  return result(each.find((v) => !v.ok) ?? each[each.length - 1] ?? whole);
}

/** A verdict as the report has it. */
export function result(verdict: Verdict): ExpectationResult {
  return { expr: verdict.expectation, held: verdict.ok, value: verdict.value };
}

/** The value at a path; entries of a list go by their name, check or phase. Null unless it is a number, a text or a truth value. */
function scalarAt(report: unknown, path: readonly string[]): number | string | null {
  let value: unknown = report;
  for (const key of path) {
    if (Array.isArray(value))
      value = value.find((v: Readonly<Record<string, unknown>>) => [v.name, v.check, v.phase].includes(key));
    else
      value =
        typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'number' || typeof value === 'string' ? value : null;
}

const FLOWS = '{new,reused}';
const SPREAD = '{n,min,p50,p95,max,mean}';
const OUTAGE =
  '{longest_gap_ms,loss_of_connectivity_ms,loss_derived_ms,rate_derived_ms,event_to_recovery_ms,first_success_ms,full_recovery_ms,sustained_recovery_ms,sent,lost,error_ms}';

/** What expectations may be about: keys joined by dots, `{a,b}` one of these, `*` any name. */
export const METRICS: readonly string[] = [
  `dark_ms.${FLOWS}`,
  `dark_ms.${FLOWS}.${SPREAD}`,
  'phases_ms.*',
  `phases_ms.*.${SPREAD}`,
  'lost.{new,reused,load}',
  `lost.{new,reused,load}.${SPREAD}`,
  'baseline.{sent,lost}',
  `outage.${FLOWS}.${OUTAGE}`,
  `outage.${FLOWS}.outcomes.*`,
  'latency_ms.{before,during,after}.{p50,p99}',
  'endpoints_removed_ms.*',
  '{fault_to_dead_ms,lost_share_until_removed,owner_before,owner_after,repeats}',
  'failback.owner',
  `failback.{dark_ms,lost}.${FLOWS}`,
  'answers.{by_pod,by_node}.*',
  `beside.*.{dark_ms,lost}.${FLOWS}`,
  `beside.*.outage.${FLOWS}.${OUTAGE}`,
  'prober.{interval_ms,lateness_p99_ms,sent,duration_ms}',
  'dns.*.{sent,ok,lost,longest_gap_ms,lateness_p99_ms}',
  'dns.*.outcomes.*',
  'dns.*.latency_ms.{p50,p99}',
  `cases.*.dark_ms.${FLOWS}.${SPREAD}`,
  `cases.*.phases_ms.*.${SPREAD}`,
  `cases.*.lost.{new,reused,load}.${SPREAD}`,
  'stretches.{dark,partial,clean}.{from_ms,to_ms,sent,lost,lost_share}',
  'load.{iterations,requests,failed,dropped_iterations}',
  'checks.*.held',
  'checks.*.figures.*',
  'probes.*.held',
];

/** What is wrong with the path of an expectation, in words; undefined when a report can have it. */
export function unknownMetric(path: readonly string[]): string | undefined {
  const patterns = METRICS.map((m) => m.split('.'));
  let fit = patterns;
  for (const [depth, key] of path.entries()) {
    const next = fit.filter((p) => matches(p[depth], key));
    if (next.length === 0) {
      const there = [...new Set(fit.flatMap((p) => alternatives(p[depth])))];
      const before = path.slice(0, depth).join('.');
      return there.length === 0
        ? `${before} is a value, there is nothing below it`
        : `${before === '' ? 'a report' : before} has ${there.join(', ')}`;
    }
    fit = next;
  }
  if (fit.some((p) => p.length === path.length)) return undefined;
  return `${path.join('.')} is no value: it has ${[...new Set(fit.flatMap((p) => alternatives(p[path.length])))].join(', ')}`;
}

function alternatives(part: string | undefined): string[] {
  if (part === undefined) return [];
  return part === '*' ? ['names'] : part.replace(/[{}]/g, '').split(',');
}

function matches(part: string | undefined, key: string): boolean {
  return part === '*' || alternatives(part).includes(key);
}

function compare(value: number | string, { operator, bound }: Expectation): boolean {
  if (operator === '==') return value === bound;
  if (operator === '!=') return value !== bound;
  if (typeof value !== 'number' || typeof bound !== 'number') return false;
  switch (operator) {
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
  }
}
