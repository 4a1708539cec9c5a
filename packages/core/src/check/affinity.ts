/** A client stays with its backend. */
import { round } from '../report/percentile.ts';
import { type EndpointSpan, endpointSpans } from './endpoints.ts';
import { Entries } from './entries.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type FlowSample, type HistoryView, line, ms } from './view.ts';

const CHECK = 'affinity';

/**
 * With `sessionAffinity: ClientIP`, all answers come from one backend while it is ready and the client does not pause for longer than the time-out.
 * Each node keeps its own memory of clients, as kube-proxy does: when the address moves to another node, that one may choose anew, which is counted
 * and told, but no violation. Undefined for a Service without session affinity.
 */
export function checkAffinity(view: HistoryView): CheckResult | undefined {
  const timeoutMs = view.facts.affinityTimeoutMs;
  if (timeoutMs === undefined) return undefined;
  const excuses = new Excuses(view, timeoutMs);
  const answers = view.samples.filter((s) => s.outcome === 'ok' && s.backend !== '');
  let previous: FlowSample | undefined;
  let violation: { readonly finding: string; readonly evidence: readonly CheckEvidence[] } | undefined;
  const counts = { changes: 0, with_owner: 0, with_endpoint: 0, after_timeout: 0 };
  for (const sample of answers) {
    const before = previous;
    previous = sample;
    if (!before || before.backend === sample.backend) continue;
    counts.changes += 1;
    if (violation) continue;
    const excuse = excuses.of(before, sample);
    if (excuse) counts[excuse] += 1;
    else
      violation = {
        finding: `The client was sent from ${before.backend} to ${sample.backend} after ${ms(sample.sentMs - before.sentMs)}, while ${before.backend} was ready and the time-out is ${ms(timeoutMs)}`,
        evidence: [answerLine(before), answerLine(sample)],
      };
  }
  const figures = { answers: answers.length, ...counts, timeout_ms: round(timeoutMs) };
  if (violation) return { check: CHECK, held: false, figures, ...violation };
  return { check: CHECK, held: true, finding: told(counts, answers), figures, evidence: [] };
}

function told(
  counts: { changes: number; with_owner: number; with_endpoint: number; after_timeout: number },
  answers: readonly FlowSample[],
): string {
  if (answers.length === 0) return 'Nobody answered';
  if (counts.changes === 0) return `One backend all along: ${answers[0]?.backend}`;
  const reasons = [
    ...(counts.with_owner > 0
      ? [`${counts.with_owner} when the address moved to a node that did not know the client`]
      : []),
    ...(counts.with_endpoint > 0 ? [`${counts.with_endpoint} because the backend was no ready endpoint any more`] : []),
    ...(counts.after_timeout > 0 ? [`${counts.after_timeout} after the time-out`] : []),
  ];
  return `${counts.changes} change${counts.changes === 1 ? '' : 's'} of backend: ${reasons.join(', ')}`;
}

function answerLine(sample: FlowSample): CheckEvidence {
  return line(sample.sentMs, `request ${sample.seq} (${sample.kind} connection) is answered by ${sample.backend}`);
}

class Excuses {
  readonly #timeoutMs: number;
  readonly #spans: readonly EndpointSpan[];
  readonly #entries: Entries;

  constructor(view: HistoryView, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#spans = endpointSpans(view, view.facts.service, view.facts.endpoints);
    this.#entries = new Entries(view);
  }

  /** Why the client may have been sent elsewhere between two answers. A request was under way until it was done. */
  of(before: FlowSample, after: FlowSample): 'with_owner' | 'with_endpoint' | 'after_timeout' | undefined {
    if (after.sentMs - before.sentMs >= this.#timeoutMs) return 'after_timeout';
    const from = Math.min(before.sentMs, after.sentMs);
    const to = Math.max(before.doneMs, after.doneMs);
    if (this.#entries.between(from, to).length > 1) return 'with_owner';
    const spans = this.#spans.filter((s) => s.name === before.backend);
    if (spans.length > 0 && !spans.some((s) => s.fromMs <= from && s.toMs > to)) return 'with_endpoint';
    return undefined;
  }
}
