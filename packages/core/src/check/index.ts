/** Checkers: what must be true of any run's history, whatever was broken. */
import { checkAffinity } from './affinity.ts';
import { checkConvergence } from './convergence.ts';
import { checkDnsFreshness } from './dns-freshness.ts';
import type { History } from './history.ts';
import { checkOneOwner } from './one-owner.ts';
import { checkRefusal } from './refusal.ts';
import { checkRemovedEndpoint } from './removed-endpoint.ts';
import type { CheckResult } from './result.ts';
import { HistoryView } from './view.ts';

export { type CheckBounds, checkBounds } from './bounds.ts';
export type { DnsHistory, History, HistoryFacts, HistoryFault } from './history.ts';
export { CHECKS, type CheckEvidence, type CheckName, type CheckResult } from './result.ts';

/**
 * Runs every checker that has something to say about the history: `one-owner` needs a VIP, `affinity` session affinity, `dns-freshness` a DNS probe.
 * A violation the scenario expects is told as such and held. Pure.
 */
export function runCheckers(history: History): CheckResult[] {
  const view = new HistoryView(history);
  const results = [
    checkOneOwner(view),
    checkRemovedEndpoint(view),
    checkAffinity(view),
    checkDnsFreshness(view, history.dns ?? []),
    checkRefusal(view),
    checkConvergence(view),
  ];
  return results
    .filter((r) => r !== undefined)
    .map((r) =>
      !r.held && r.check !== 'one-owner' && history.facts.expects?.includes(r.check)
        ? { ...r, held: true, finding: `As the scenario expects: ${r.finding}` }
        : r,
    );
}
