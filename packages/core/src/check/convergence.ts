/** The rules of all nodes come to say the same. */
import { round } from '../report/percentile.ts';
import { Programmed } from './endpoints.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type HistoryView, line, listed, ms } from './view.ts';

const CHECK = 'rules-converge';

/** A revision of the endpoint slices. */
interface Change {
  readonly ms: number;
  readonly revision: number;
  readonly service: string;
}

interface NodeOutcome {
  readonly node: string;
  /** The last change whose time was over when the run ended. */
  readonly change: Change;
  /** Until when the node had to hold it. */
  readonly dueMs: number;
  readonly reachedMs: number;
}

/**
 * Each node that has power at the end holds the last revision of the endpoint slices within the bound, counted from the change or, where a fault
 * kept the node from the store, from its end. What is not due when the run ends is not judged.
 */
export function checkConvergence(view: HistoryView): CheckResult {
  const changes = changesOf(view);
  const nodes = view.facts.nodes.filter((node) => !view.isDown(node, view.endMs));
  const programmed = new Programmed(view);
  const outcomes = nodes.flatMap((node) => outcomeOf(view, programmed, changes, node) ?? []);
  const reached = outcomes.filter((o) => Number.isFinite(o.reachedMs));
  const slowest = Math.max(0, ...reached.map((o) => o.reachedMs - o.change.ms));
  const figures = {
    nodes: nodes.length,
    changes: changes.length,
    slowest_ms: round(slowest),
    not_judged: nodes.length - outcomes.length,
    bound_ms: round(view.bounds.programMs),
  };
  const bad = outcomes.filter((o) => o.reachedMs > o.dueMs);
  const [worst] = [...bad].sort((a, b) => b.reachedMs - a.reachedMs);
  if (worst) {
    const same = bad.filter(
      (o) => o.change === worst.change && Number.isFinite(o.reachedMs) === Number.isFinite(worst.reachedMs),
    );
    const who = listed(same.map((o) => o.node));
    const finding = violation(worst, who);
    return { check: CHECK, held: false, finding, figures, evidence: evidence(view, worst) };
  }
  return { check: CHECK, held: true, finding: told(changes, nodes, outcomes, slowest), figures, evidence: [] };
}

function told(
  changes: readonly Change[],
  nodes: readonly string[],
  outcomes: readonly NodeOutcome[],
  slowest: number,
): string {
  if (changes.length === 0) return 'The endpoint slices did not change';
  if (outcomes.length === 0) return 'The run ended before any node had to hold what changed';
  const revision = Math.max(...outcomes.map((o) => o.change.revision));
  const rest = nodes.length - outcomes.length;
  return `${outcomes.length} of ${nodes.length} nodes hold revision ${revision}, the slowest after ${ms(slowest)}${rest > 0 ? `; the run ended before ${rest} more had to` : ''}`;
}

function violation({ change, dueMs, reachedMs }: NodeOutcome, who: string): string {
  const { revision, service } = change;
  return !Number.isFinite(reachedMs)
    ? `${who} never programmed revision ${revision}, which ${service} has had since ${ms(change.ms)}`
    : `${who} programmed revision ${revision} ${ms(reachedMs - change.ms)} after it was written; ${ms(dueMs - change.ms)} would be in time`;
}

/** Every change during or before the run that made a new revision, in order. */
function changesOf(view: HistoryView): Change[] {
  const changes: Change[] = [];
  for (const s of view.of('endpoints.changed')) {
    const revision = Number(s.attrs.revision ?? '0');
    if (s.ms <= view.endMs && revision > (changes[changes.length - 1]?.revision ?? 0))
      changes.push({ ms: s.ms, revision, service: s.attrs.service ?? 'a Service' });
  }
  return changes;
}

function outcomeOf(
  view: HistoryView,
  programmed: Programmed,
  changes: readonly Change[],
  node: string,
): NodeOutcome | undefined {
  for (const change of [...changes].reverse()) {
    const dueMs = view.followsFrom(node, Math.max(change.ms, view.bootedMs(node, view.endMs))) + view.bounds.programMs;
    if (dueMs > view.endMs) continue;
    return { node, change, dueMs, reachedMs: programmed.since(node, change.revision, view.endMs) };
  }
  return undefined;
}

function evidence(view: HistoryView, { node, change, reachedMs }: NodeOutcome): CheckEvidence[] {
  const newest = view
    .of('rules.programmed')
    .filter((s) => s.node === node && s.ms <= view.endMs && Number(s.attrs.revision ?? '0') < change.revision)
    .pop();
  return [
    line(change.ms, `the slices of ${change.service} change (revision ${change.revision})`),
    ...(newest ? [line(newest.ms, `${node} holds revision ${newest.attrs.revision}`)] : []),
    Number.isFinite(reachedMs)
      ? line(reachedMs, `${node} holds revision ${change.revision} only now`)
      : line(view.endMs, `the run ends without ${node} holding revision ${change.revision}`),
  ].sort((a, b) => a.at_ms - b.at_ms);
}
