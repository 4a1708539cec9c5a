/**
 * The schema of report.json, in one place: what reading a report checks and what docs/schema/report.schema.json publishes. The compiler holds it
 * to the contract of model.ts. Keys it does not know pass, so that a report of a later svclab can be read.
 */
import { z } from 'zod';
import type { CaseResult, Distribution, OutageMetrics, PhaseBound, RunReport, RunResult } from './model.ts';

const ms = (what: string) => z.number().describe(`${what}, ms`);
const count = (what: string) => z.number().int().min(0).describe(what);
const flows = <T extends z.ZodType>(inner: T) =>
  z.object({ new: inner.describe('A connection per request.'), reused: inner.describe('One connection kept open.') });
const byName = <T extends z.ZodType>(inner: T) => z.record(z.string(), inner);

const distribution = z.object({
  n: count('Runs'),
  min: z.number(),
  p50: z.number().describe('Median: nearest rank, so always a value that was measured.'),
  p95: z.number(),
  max: z.number(),
  mean: z.number(),
  ci95: z.tuple([z.number(), z.number()]).describe('95 % bootstrap interval of the median: low and high end.'),
  error: z.number().describe('Error of each single value: ms for times, 0 for counts.'),
}) satisfies z.ZodType<Distribution>;

const maybe = (what: string) => z.number().nullable().describe(`${what}, ms; null when the run cannot tell`);
const outage = z.object({
  longest_gap_ms: ms('Longest distance between two successes'),
  loss_of_connectivity_ms: ms('Of the same outage, first loss to the first success after it'),
  loss_derived_ms: ms('Losses divided by the offered rate'),
  rate_derived_ms: ms('Time the rate of answers was under 90 % of the offered one'),
  event_to_recovery_ms: maybe('Event to the rate being over 90 % for good'),
  first_success_ms: maybe('Event to the first success after the first loss'),
  full_recovery_ms: maybe('Event to the first success after the last loss'),
  sustained_recovery_ms: maybe('The same, when nothing was lost for the validation time after it'),
  outcomes: byName(count('Requests')).describe('Requests by outcome class.'),
  sent: count('Requests'),
  lost: count('Requests the fault can have touched, and that were lost'),
  error_ms: ms('Error of every time above'),
}) satisfies z.ZodType<OutageMetrics>;

const phaseBound = z.object({
  phase: z.string(),
  ms: z.number(),
  knob: z.string().describe('The knob that bounds it; empty where none does.'),
  knob_value: z.string(),
  bound: z.string().describe('What the timers make of it.'),
  saves: z.string().describe('What another value would save; empty where nothing is to be won.'),
}) satisfies z.ZodType<PhaseBound>;

const check = z.object({
  check: z.enum([
    'one-owner',
    'no-removed-endpoint',
    'affinity',
    'dns-freshness',
    'no-refusal-while-ready',
    'rules-converge',
  ]),
  held: z.boolean(),
  finding: z.string(),
  figures: byName(z.number()),
  evidence: z
    .array(z.object({ at_ms: z.number(), what: z.string() }))
    .describe('The shortest piece of history that proves a violation.'),
});

const expectation = z.object({
  expr: z.string(),
  held: z.boolean(),
  value: z
    .union([z.number(), z.string()])
    .nullable()
    .describe('What was found; null when the report has no such value.'),
});

const step = z.object({
  kind: z.enum(['fault', 'heal', 'kubectl', 'load', 'probe', 'wait']),
  what: z.string().describe('As a person would type it.'),
  resolved: z.string().describe('What a fault acted on.'),
  at_ms: ms("Start, from the run's first planned request"),
  end_ms: ms('End'),
  ok: z.boolean(),
  said: z.string(),
});

const probe = z.object({
  name: z.string(),
  mode: z.string(),
  held: z.boolean(),
  value: z.string(),
  tolerance: z.string(),
  at_ms: ms('When it was asked'),
});

const latency = z.object({ p50: z.number(), p99: z.number() });
const darkMs = flows(ms('Longest time without success that belongs to the fault'));
const lostByFlow = flows(count('Requests lost'));

const run = z.object({
  run: z.number().int().min(1),
  case: z.string(),
  fault_phase_ms: ms("Random shift of the first fault against the timers' beat"),
  url: z.string(),
  vip: z.string(),
  owner_before: z.string(),
  owner_after: z.string(),
  dark_ms: darkMs,
  phases_ms: byName(z.number()).describe('Parts of dark_ms.new; they add up to it.'),
  phase_bounds: z.array(phaseBound),
  outage: flows(outage),
  lost: lostByFlow.extend({ load: count('Failed requests of the load, whole run') }),
  baseline: z.object({ sent: count('Requests before the faults'), lost: count('Of them lost') }),
  latency_ms: z.object({ before: latency, during: latency, after: latency }),
  fault_to_dead_ms: z.number().nullable(),
  endpoints_removed_ms: byName(z.number()),
  lost_share_until_removed: z.number(),
  stretches: z.array(
    z.object({
      phase: z.enum(['dark', 'partial', 'clean']),
      from_ms: z.number(),
      to_ms: z.number(),
      sent: count('Requests'),
      lost: count('Of them lost'),
      lost_share: z.number(),
    }),
  ),
  failback: z.object({ owner: z.string(), dark_ms: darkMs, lost: lostByFlow }).nullable(),
  answers: z.object({ by_pod: byName(z.number()), by_node: byName(z.number()) }),
  beside: z.array(
    z.object({ name: z.string(), url: z.string(), dark_ms: darkMs, lost: lostByFlow, outage: flows(outage) }),
  ),
  dns: z.array(
    z.object({
      name: z.string(),
      query: z.string(),
      sent: count('Queries'),
      ok: count('Answered'),
      lost: count('Lost'),
      longest_gap_ms: ms('Longest distance between two answers'),
      outcomes: byName(count('Queries')),
      answers: byName(count('How often each answer came')),
      servers: byName(count('Answers by server')),
      latency_ms: latency,
      lateness_p99_ms: z.number(),
    }),
  ),
  prober: z.object({
    interval_ms: z.number(),
    timeout_ms: z.number(),
    lateness_p99_ms: z.number(),
    sent: count('Ticks'),
    start_ns: z.string().describe("CLOCK_MONOTONIC of the run's millisecond 0, ns, as decimal text."),
    duration_ms: z.number(),
  }),
  load: z
    .object({
      engine: z.enum(['k6', 'builtin']),
      script: z.string(),
      iterations: z.number(),
      requests: z.number(),
      failed: z.number(),
      dropped_iterations: z.number(),
      lateness_p99_ms: z.number().nullable(),
    })
    .nullable(),
  checks: z.array(check),
  steps: z.array(step),
  probes: z.array(probe),
  expectations: z.array(expectation),
  inconclusive: z.array(z.string()).describe('Why this run proves nothing; empty when it does.'),
  notes: z.array(z.string()),
  sentence: z.string(),
  files: z.array(z.string()).describe("Raw data, relative to the report's folder."),
}) satisfies z.ZodType<RunResult>;

const spread = {
  dark_ms: flows(distribution),
  phases_ms: byName(distribution),
  lost: z.object({ new: distribution, reused: distribution, load: distribution }),
};

const caseResult = z.object({
  name: z.string(),
  variables: byName(z.union([z.string(), z.number(), z.boolean()])),
  repeats: count('Runs of this case'),
  ...spread,
  sentence: z.string(),
}) satisfies z.ZodType<CaseResult>;

/** Checks a report.json. */
export const REPORT_SCHEMA = z.object({
  format: z.literal('svclab.dev/report/v1'),
  title: z.string(),
  description: z.string(),
  sentence: z.string().describe('The outage in one sentence.'),
  verdict: z.enum(['held', 'failed', 'inconclusive', 'interrupted']),
  repeats: count('Runs, or runs of each case'),
  seed: z.number().int(),
  ...spread,
  baseline: z.object({ sent: count('Requests before the faults, all runs'), lost: count('Of them lost') }),
  expectations: z.array(expectation),
  expected_violations: z.array(z.string()).describe('Checks the scenario means to violate.'),
  phase_bounds: z.array(phaseBound).describe('Of the median run.'),
  cases: z.array(caseResult),
  runs: z.array(run),
  environment: z.object({
    svclab: z.string(),
    node: z.string(),
    kernel: z.string(),
    cpus: z.number(),
    driver: z.string(),
    profile: z.string(),
    set: byName(z.string()).describe('Knobs that differ from the profile.'),
    engine: z.string(),
    delay: z
      .enum(['netem', 'user-space', 'none'])
      .describe('How delay was made; none where the scenario asks for none.'),
    nodes: z.number(),
  }),
  command: z.string().describe('Makes such a report again.'),
  started_at: z.string(),
  finished_at: z.string(),
}) satisfies z.ZodType<RunReport>;

/** The JSON Schema of report.json. */
export function reportJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(REPORT_SCHEMA, { io: 'input' }) as Record<string, unknown>;
  return {
    ...schema,
    title: 'svclab report',
    description: 'What svclab run found: report.json. Times are milliseconds unless a key says otherwise.',
  };
}
