/** A made-up report with its raw data: a node is killed and comes back, as often as asked. For tests of what reads reports. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  distribution,
  type Outcome,
  outageMetrics,
  type ProbeKind,
  type ProbeSample,
  phaseBounds,
  resolveKnobs,
  seededRandom,
  stretches,
} from '@svclab/core';
import type { RunReport, RunResult } from '../../packages/lab/src/report/model.ts';

/** What to make up. */
export interface ExampleOptions {
  readonly runs: number;
  readonly seed: number;
  /** Added to every run's dark time, ms. */
  readonly slower?: number;
  /** Folder to write the raw data of each run to. */
  readonly dir?: string;
  /** The last run violates a check and an expectation. */
  readonly bad?: boolean;
  readonly verdict?: RunReport['verdict'];
}

const INTERVAL = 10;
const LENGTH = 9000;
const START_NS = 26_372_078_113_788n;
const PODS: Readonly<Record<string, string>> = {
  'frontend-a1': 'node-1',
  'frontend-b2': 'node-2',
  'frontend-c3': 'node-3',
};
const VIP = '172.30.0.200';

interface Course {
  readonly faultMs: number;
  readonly phases: Readonly<Record<string, number>>;
  readonly darkMs: number;
  readonly removedMs: number;
  readonly backMs: number;
}

/** A report of `runs` runs; the same seed gives the same report. */
export function exampleReport(options: ExampleOptions): RunReport {
  const random = seededRandom(options.seed);
  const runs = Array.from({ length: options.runs }, (_, i) => run(i + 1, options, () => random.next()));
  const of = (pick: (r: RunResult) => number, error = INTERVAL) =>
    distribution(runs.map(pick), { seed: options.seed, error });
  const phases = Object.keys(runs[0]?.phases_ms ?? {});
  const dark = of((r) => r.dark_ms.new);
  const failed = options.bad === true;
  return {
    format: 'svclab.dev/report/v1',
    title: 'VIP failover',
    description: 'The owner of a VIP loses its power and comes back.',
    sentence: `The VIP was dark for ${dark.p50} ms${options.runs === 1 ? '' : ` (median of ${options.runs} runs; p95 ${dark.p95} ms)`}; 52 requests lost on new connections, 51 on reused ones.`,
    verdict: options.verdict ?? (failed ? 'failed' : 'held'),
    repeats: options.runs,
    seed: options.seed,
    dark_ms: { new: dark, reused: of((r) => r.dark_ms.reused) },
    phases_ms: Object.fromEntries(phases.map((p) => [p, of((r) => r.phases_ms[p] ?? 0)])),
    lost: { new: of((r) => r.lost.new, 0), reused: of((r) => r.lost.reused, 0), load: of((r) => r.lost.load, 0) },
    baseline: { sent: 600 * options.runs, lost: 0 },
    expectations: [
      { expr: 'dark_ms.new.p95 <= 500', held: !failed, value: failed ? 912 : dark.p95 },
      { expr: 'baseline.lost == 0', held: true, value: 0 },
    ],
    phase_bounds: phaseBounds(
      Object.fromEntries(phases.map((p) => [p, of((r) => r.phases_ms[p] ?? 0).p50])),
      resolveKnobs('fast'),
      3,
    ),
    cases: [],
    expected_violations: [],
    runs,
    environment: {
      svclab: '0.1.0',
      node: '20.20.2',
      kernel: '6.1.0',
      cpus: 2,
      driver: 'netns',
      profile: 'fast',
      set: { 'membership.probeInterval': '40ms' },
      engine: 'builtin',
      delay: 'none',
      nodes: 3,
    },
    command: `svclab run loadtest/scenarios/vip-failover.yaml --repeat ${options.runs} --seed ${options.seed}`,
    started_at: '2026-11-24T16:00:00.000Z',
    finished_at: '2026-11-24T16:05:00.000Z',
  };
}

function run(number: number, options: ExampleOptions, random: () => number): RunResult {
  const phases = {
    detection: round(110 + 30 * random() + (options.slower ?? 0)),
    election: round(0.2 + random()),
    announcement: round(0.3 + random()),
    first_success: round(3 + 8 * random()),
  };
  const darkMs = round(Object.values(phases).reduce((a, b) => a + b, 0));
  const course: Course = {
    faultMs: 2870 + round(20 * random()),
    phases,
    darkMs,
    removedMs: 1500 + round(60 * random()),
    backMs: 5860,
  };
  const flows = { new: samples(course, 'new', random), reused: samples(course, 'reused', random) };
  const last = number === options.runs;
  const folder = options.runs === 1 ? '' : `run-${number}/`;
  if (options.dir !== undefined) write(join(options.dir, folder), course, flows);
  const metrics = (s: readonly ProbeSample[]) =>
    outageMetrics(s, INTERVAL, { faultMs: course.faultMs, fromMs: 0, untilMs: course.backMs });
  const bad = options.bad === true && last;
  const lost = (s: readonly ProbeSample[]) =>
    s.filter((x) => x.outcome !== 'ok' && x.scheduledMs < course.backMs).length;
  return {
    run: number,
    case: '',
    fault_phase_ms: round(40 * random()),
    url: `http://${VIP}/hostname`,
    vip: VIP,
    owner_before: 'node-3',
    owner_after: 'node-1',
    dark_ms: { new: darkMs, reused: darkMs + 10 },
    phases_ms: phases,
    phase_bounds: phaseBounds(phases, resolveKnobs('fast'), 3),
    outage: { new: metrics(flows.new), reused: metrics(flows.reused) },
    lost: { new: lost(flows.new), reused: lost(flows.reused), load: 31 },
    baseline: { sent: 570, lost: 0 },
    latency_ms: { before: { p50: 2.1, p99: 8.4 }, during: { p50: 2.6, p99: 14.2 }, after: { p50: 2.2, p99: 9 } },
    fault_to_dead_ms: round(phases.detection - 6),
    endpoints_removed_ms: { 'node-1': course.removedMs, 'node-2': course.removedMs + 12 },
    lost_share_until_removed: 0.31,
    stretches: stretches(
      flows.new,
      { fromMs: course.faultMs, toMs: course.faultMs + darkMs },
      { faultMs: course.faultMs, untilMs: course.backMs, intervalMs: INTERVAL },
    ),
    failback: { owner: 'node-3', dark_ms: { new: 20, reused: 30 }, lost: { new: 1, reused: 2 } },
    answers: {
      by_pod: Object.fromEntries(Object.keys(PODS).map((p) => [p, flows.new.filter((s) => s.backend === p).length])),
      by_node: Object.fromEntries(
        Object.entries(PODS).map(([p, n]) => [n, flows.new.filter((s) => s.backend === p).length]),
      ),
    },
    beside: [
      {
        name: 'nodeport/other',
        url: 'http://172.30.0.12:30080/hostname',
        dark_ms: { new: 20, reused: 10 },
        lost: { new: 40, reused: 0 },
        outage: { new: metrics(flows.new), reused: metrics(flows.reused) },
      },
    ],
    dns: [
      {
        name: 'frontend',
        query: 'frontend.shop.svc.cluster.local A',
        sent: 90,
        ok: 88,
        lost: 2,
        longest_gap_ms: 300,
        outcomes: { ok: 88, timeout: 2 },
        answers: { '10.96.0.20': 88 },
        servers: { '172.30.0.53': 60, '172.30.0.54': 28 },
        latency_ms: { p50: 0.8, p99: 4.1 },
        lateness_p99_ms: 0.9,
      },
    ],
    prober: {
      interval_ms: INTERVAL,
      timeout_ms: 500,
      lateness_p99_ms: 1.2,
      sent: flows.new.length,
      start_ns: String(START_NS),
      duration_ms: LENGTH,
    },
    load: {
      engine: 'builtin',
      script: 'vip-failover.js',
      iterations: 450,
      requests: 450,
      failed: 31,
      dropped_iterations: 0,
      lateness_p99_ms: 1.2,
    },
    checks: [
      {
        check: 'one-owner',
        held: !bad,
        finding: bad ? 'two owners for 41 ms' : `one owner all along; 0 ms with two, ${phases.detection} ms with none`,
        figures: { two_ms: bad ? 41 : 0, none_ms: phases.detection },
        evidence: bad
          ? [
              { at_ms: 2980, what: 'node-1 elects itself owner of 172.30.0.200' },
              { at_ms: 3021, what: 'node-3 still answers for 172.30.0.200' },
            ]
          : [],
      },
      {
        check: 'rules-converge',
        held: true,
        finding: `all nodes at one revision ${course.removedMs + 12} ms after the fault`,
        figures: { converged_ms: course.removedMs + 12 },
        evidence: [],
      },
    ],
    steps: [
      step('fault', 'fault kill owner/shop/frontend', 'node/node-3', course.faultMs, course.faultMs),
      step('heal', 'fault restart previous', 'node/node-3', course.backMs, course.backMs),
    ],
    probes: [
      { name: 'answers', mode: 'SoT', held: true, value: '200', tolerance: '200', at_ms: 0 },
      { name: 'answers', mode: 'EoT', held: true, value: '200', tolerance: '200', at_ms: LENGTH },
    ],
    expectations: [{ expr: 'dark_ms.new <= 500', held: !bad, value: darkMs }],
    inconclusive:
      options.verdict === 'inconclusive' && last
        ? ['The load dropped 7 iterations: it had no free virtual user, or no CPU']
        : [],
    notes: [],
    sentence: `The VIP was dark for ${darkMs} ms.`,
    files: [`${folder}samples.jsonl`, `${folder}timeline.jsonl`],
  };
}

function step(
  kind: 'fault' | 'heal',
  what: string,
  resolved: string,
  at: number,
  end: number,
): RunResult['steps'][number] {
  return { kind, what, resolved, at_ms: at, end_ms: end, ok: true, said: '' };
}

function samples(course: Course, kind: ProbeKind, random: () => number): ProbeSample[] {
  const dark = (ms: number): boolean => ms >= course.faultMs - 4 && ms < course.faultMs + course.darkMs - 10;
  const names = Object.keys(PODS);
  return Array.from({ length: LENGTH / INTERVAL }, (_, seq) => {
    const scheduledMs = seq * INTERVAL;
    const stale = scheduledMs > course.faultMs && scheduledMs < course.faultMs + course.removedMs;
    const pod = kind === 'reused' ? 1 : Math.floor(random() * 3);
    const gone = scheduledMs > course.faultMs && scheduledMs < course.backMs + 400 && pod === 2;
    let outcome: Outcome = 'ok';
    if (dark(scheduledMs)) outcome = random() < 0.8 ? 'timeout' : 'unreachable';
    else if (stale && gone && kind === 'new') outcome = 'timeout';
    else if (kind === 'reused' && scheduledMs === Math.ceil(course.backMs / 10) * 10 + 600) outcome = 'reset';
    const took =
      outcome === 'ok' ? 1 + 3 * random() + (random() < 0.02 ? 20 * random() : 0) : outcome === 'timeout' ? 500 : 1;
    const sentMs = scheduledMs + 0.3 * random();
    return {
      seq,
      scheduledMs,
      sentMs,
      doneMs: sentMs + took,
      outcome,
      backend: outcome === 'ok' ? (names[gone ? 0 : pod] ?? '') : '',
    };
  });
}

function write(dir: string, course: Course, flows: Readonly<Record<ProbeKind, readonly ProbeSample[]>>): void {
  mkdirSync(dir, { recursive: true });
  const ns = (ms: number): string => String(START_NS + BigInt(Math.round(ms * 1e6)));
  const lines = (['new', 'reused'] as const).flatMap((kind) =>
    flows[kind].map((s) =>
      JSON.stringify({
        seq: s.seq,
        kind,
        scheduledNs: ns(s.scheduledMs),
        sentNs: ns(s.sentMs),
        doneNs: ns(s.doneMs),
        outcome: s.outcome,
        backend: s.backend,
      }),
    ),
  );
  writeFileSync(join(dir, 'samples.jsonl'), `${lines.join('\n')}\n`);
  writeFileSync(
    join(dir, 'timeline.jsonl'),
    `${timeline(course)
      .map((e) => JSON.stringify({ ...e, at_ns: ns(e.at) }))
      .join('\n')}\n`,
  );
}

function timeline(course: Course) {
  const { faultMs: f, phases: p } = course;
  const event = (at: number, node: string, component: string, type: string, attrs: Record<string, string> = {}) => ({
    at,
    time: new Date(Date.UTC(2026, 10, 24) + at).toISOString(),
    node,
    component,
    type,
    cause: '',
    attrs,
  });
  const dead = f + (p.detection ?? 0);
  return [
    event(f, 'lab', 'supervisor', 'fault.effective', { fault: 'kill', target: 'node/node-3' }),
    event(f + 30, 'node-2', 'l2-announcer', 'member.suspected', { peer: 'node-3' }),
    event(f + 31, 'node-1', 'l2-announcer', 'member.suspected', { peer: 'node-3' }),
    event(f + 60, 'lab', 'supervisor', 'process.exited', { process: 'l2-announcer@node-3', signal: 'SIGKILL' }),
    event(f + 60, 'lab', 'supervisor', 'process.exited', { process: 'node-agent@node-3', signal: 'SIGKILL' }),
    event(dead, 'node-1', 'l2-announcer', 'member.dead', { peer: 'node-3' }),
    event(dead + 1, 'node-2', 'l2-announcer', 'member.dead', { peer: 'node-3' }),
    event(dead + 0.3, 'node-1', 'l2-announcer', 'vip.elected', { vip: VIP, owner: 'node-1', previous: 'node-3' }),
    event(dead + 0.6, 'node-1', 'l2-announcer', 'vip.announced', { vip: VIP, round: '0' }),
    event(f + 1450, 'controller-1', 'controller', 'node.not-ready', { target: 'node-3' }),
    event(f + 1480, 'controller-1', 'controller', 'endpoints.changed', {
      service: 'shop/frontend',
      revision: '150',
      removed: 'frontend-c3',
    }),
    event(f + course.removedMs, 'node-1', 'node-agent', 'rules.programmed', { revision: '150' }),
    event(f + course.removedMs + 12, 'node-2', 'node-agent', 'rules.programmed', { revision: '150' }),
    event(course.backMs, 'lab', 'supervisor', 'fault.healed', { fault: 'restart', target: 'node/node-3' }),
    event(course.backMs + 300, 'node-3', 'node-agent', 'process.started', { process: 'node-agent@node-3', pid: '9' }),
    event(course.backMs + 320, 'controller-1', 'controller', 'node.ready', { target: 'node-3' }),
    event(course.backMs + 450, 'node-3', 'l2-announcer', 'process.started', {
      process: 'l2-announcer@node-3',
      pid: '8',
    }),
    event(course.backMs + 550, 'node-3', 'l2-announcer', 'vip.elected', { vip: VIP, owner: 'node-3', previous: '' }),
    event(course.backMs + 551, 'node-3', 'l2-announcer', 'vip.announced', { vip: VIP, round: '0' }),
    event(course.backMs + 560, 'node-1', 'l2-announcer', 'vip.released', { vip: VIP, owner: 'node-3' }),
    event(course.backMs + 700, 'node-1', 'node-agent', 'rules.programmed', { revision: '175' }),
  ];
}

const round = (value: number): number => Math.round(value * 10) / 10;
