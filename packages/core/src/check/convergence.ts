/** The rules of all nodes come to say the same. */
import { round } from '../report/percentile.ts';
import { Programmed } from './endpoints.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type HistoryView, line, listed, ms, type Stamp } from './view.ts';

const CHECK = 'rules-converge';

interface NodeOutcome {
  readonly node: string;
  /** From when the bound counts: the change, or the end of what kept the node from hearing of it. */
  readonly dueFromMs: number;
  readonly reachedMs: number;
}

/**
 * Each node that has power at the end holds the last revision of the endpoint slices within the bound, counted from the change or, where a fault
 * kept the node from the store, from its end. Nodes whose time is not over when the run ends are not judged.
 */
export function checkConvergence(view: HistoryView): CheckResult {
  const last = lastChange(view);
  if (!last) {
    const figures = {
      nodes: view.facts.nodes.length,
      slowest_ms: 0,
      not_judged: 0,
      bound_ms: round(view.bounds.programMs),
    };
    return { check: CHECK, held: true, finding: 'The endpoint slices did not change', figures, evidence: [] };
  }
  const revision = Number(last.attrs.revision ?? '0');
  const programmed = new Programmed(view);
  const outcomes = view.facts.nodes
    .filter((node) => !view.isDown(node, view.endMs))
    .map((node) => ({
      node,
      dueFromMs: Math.max(view.followsFrom(node, last.ms), view.bootedMs(node, view.endMs)),
      reachedMs: programmed.since(node, revision, view.endMs),
    }));
  const { programMs } = view.bounds;
  const open = outcomes.filter((o) => o.reachedMs > view.endMs);
  const missing = open.filter((o) => o.dueFromMs + programMs <= view.endMs);
  const late = outcomes.filter((o) => !open.includes(o) && o.reachedMs > o.dueFromMs + programMs);
  const slowest = Math.max(0, ...outcomes.filter((o) => !open.includes(o)).map((o) => o.reachedMs - last.ms));
  const notJudged = open.length - missing.length;
  const figures = {
    nodes: outcomes.length,
    slowest_ms: round(slowest),
    not_judged: notJudged,
    bound_ms: round(programMs),
  };
  const [bad] = [...missing, ...late];
  if (bad)
    return {
      check: CHECK,
      held: false,
      finding:
        missing.length > 0
          ? `${listed(missing.map((o) => o.node))} never programmed revision ${revision}, which ${last.attrs.service ?? 'a Service'} has had since ${ms(last.ms)}`
          : `${listed(late.map((o) => o.node))} programmed revision ${revision} ${ms(bad.reachedMs - last.ms)} after it was written; ${ms(bad.dueFromMs + programMs - last.ms)} would be in time`,
      figures,
      evidence: evidence(view, last, bad, revision),
    };
  const rest = notJudged > 0 ? `; the run ended before ${notJudged} more had to` : '';
  const finding = `${outcomes.length - open.length} of ${outcomes.length} nodes hold the last revision (${revision}), the slowest after ${ms(slowest)}${rest}`;
  return { check: CHECK, held: true, finding, figures, evidence: [] };
}

function lastChange(view: HistoryView): Stamp | undefined {
  let last: Stamp | undefined;
  for (const s of view.of('endpoints.changed'))
    if (!last || Number(s.attrs.revision ?? '0') >= Number(last.attrs.revision ?? '0')) last = s;
  return last;
}

function evidence(view: HistoryView, last: Stamp, bad: NodeOutcome, revision: number): CheckEvidence[] {
  const newest = view
    .of('rules.programmed')
    .filter((s) => s.node === bad.node && Number(s.attrs.revision ?? '0') < revision)
    .pop();
  return [
    line(last.ms, `the slices of ${last.attrs.service ?? 'a Service'} change (revision ${revision})`),
    ...(newest ? [line(newest.ms, `${bad.node} holds revision ${newest.attrs.revision}`)] : []),
    bad.reachedMs <= view.endMs
      ? line(bad.reachedMs, `${bad.node} holds revision ${revision} only now`)
      : line(view.endMs, `the run ends without ${bad.node} holding revision ${revision}`),
  ].sort((a, b) => a.at_ms - b.at_ms);
}
