/** Nothing is answered by an endpoint that was removed. */
import { round } from '../report/percentile.ts';
import { type EndpointSpan, endpointPlaces, endpointSpans, Programmed } from './endpoints.ts';
import { Entries } from './entries.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type FlowSample, type HistoryView, line, ms } from './view.ts';

const CHECK = 'no-removed-endpoint';
/** Between two stamps of different processes for one step. */
const TOLERANCE_MS = 2;

interface Violation {
  readonly finding: string;
  readonly evidence: readonly CheckEvidence[];
}

/**
 * Violated by an answer on a new connection that was sent when the node it came in by already had rules without the endpoint, or should have had
 * them; by any answer of a pod that had stopped; and by a pod that never was an endpoint. A connection that stands may be used until its pod stops
 * (kube-proxy leaves it alone), and a Service without a ready endpoint uses those that terminate (KEP-1669), as policy Local does on a node without one.
 */
export function checkRemovedEndpoint(view: HistoryView): CheckResult {
  const reader = new Reader(view);
  const answers = view.samples.filter((s) => s.outcome === 'ok' && s.backend !== '');
  let violation: Violation | undefined;
  let late = 0;
  let drained = 0;
  for (const sample of answers) {
    const removed = reader.removedBefore(sample);
    if (removed && sample.kind === 'new') late = Math.max(late, sample.sentMs - removed.toMs);
    if (removed && sample.kind === 'reused') drained = Math.max(drained, sample.doneMs - removed.toMs);
    violation ??= reader.violation(sample, removed);
  }
  const figures = {
    answers: answers.length,
    removed: reader.removedCount,
    last_new_ms: round(late),
    last_reused_ms: round(drained),
  };
  if (violation) return { check: CHECK, held: false, figures, ...violation };
  const finding =
    reader.removedCount === 0
      ? `No endpoint was removed; ${answers.length} answers, each by an endpoint of the Service`
      : `${reader.removedCount} removed; last answer on a new connection ${ms(late)} after that, on a kept one ${ms(drained)}`;
  return { check: CHECK, held: true, finding, figures, evidence: [] };
}

class Reader {
  readonly #view: HistoryView;
  /** With the time each really began. */
  readonly #spans = new Map<string, { readonly span: EndpointSpan; readonly beganMs: number }[]>();
  readonly #all: readonly EndpointSpan[];
  readonly #programmed: Programmed;
  readonly #entries: Entries;
  readonly #places: ReturnType<typeof endpointPlaces>;
  readonly #stopped = new Map<string, { ms: number; began: boolean }[]>();
  readonly removedCount: number;

  constructor(view: HistoryView) {
    this.#view = view;
    this.#programmed = new Programmed(view);
    this.#entries = new Entries(view);
    this.#places = endpointPlaces(view);
    this.#all = endpointSpans(view, view.facts.service, view.facts.endpoints);
    for (const span of this.#all) {
      const list = this.#spans.get(span.name) ?? [];
      list.push({ span, beganMs: this.#began(span) });
      this.#spans.set(span.name, list);
    }
    this.removedCount = this.#all.filter((s) => s.removed !== undefined && s.toMs >= 0).length;
    for (const s of view.of('pod.stopped', 'pod.started', 'pod.ready')) {
      const name = podName(s.attrs.pod);
      const list = this.#stopped.get(name) ?? [];
      list.push({ ms: s.ms, began: s.type !== 'pod.stopped' });
      this.#stopped.set(name, list);
    }
  }

  /** The stretch of the answering endpoint that had ended when the request was sent; undefined while it was ready, or is not known. */
  removedBefore(sample: FlowSample): EndpointSpan | undefined {
    const spans = this.#spans.get(sample.backend);
    if (!spans) return undefined;
    let last: EndpointSpan | undefined;
    for (const { span, beganMs } of spans) {
      if (beganMs <= sample.sentMs + TOLERANCE_MS && sample.sentMs <= span.toMs) return undefined;
      if (span.toMs < sample.sentMs) last = span;
    }
    return last;
  }

  violation(sample: FlowSample, removed: EndpointSpan | undefined): Violation | undefined {
    return this.#afterStop(sample) ?? this.#stranger(sample) ?? (removed && this.#afterRemoval(sample, removed));
  }

  /** Nodes act on a slice before the controller has stamped it. */
  #began(span: EndpointSpan): number {
    return span.added === undefined ? span.fromMs : Math.min(span.fromMs, this.#programmed.first(span.added));
  }

  #afterStop(sample: FlowSample): Violation | undefined {
    const life = this.#stopped.get(sample.backend)?.filter((e) => e.ms <= sample.sentMs - TOLERANCE_MS);
    const last = life?.[life.length - 1];
    const next = this.#stopped.get(sample.backend)?.find((e) => e.ms > sample.sentMs - TOLERANCE_MS);
    if (!last || last.began || (next?.began && next.ms <= sample.doneMs)) return undefined;
    return {
      finding: `${sample.backend} answered a request that was sent ${ms(sample.sentMs - last.ms)} after it had stopped`,
      evidence: [line(last.ms, `${sample.backend} has stopped`), this.#answer(sample)],
    };
  }

  #stranger(sample: FlowSample): Violation | undefined {
    if (this.#spans.has(sample.backend) || this.#all.length === 0 || !this.#places.has(sample.backend))
      return undefined;
    return {
      finding: `${sample.backend} answered, which never was a ready endpoint of ${this.#view.facts.service}`,
      evidence: [this.#answer(sample)],
    };
  }

  #afterRemoval(sample: FlowSample, removed: EndpointSpan): Violation | undefined {
    if (sample.kind !== 'new' || this.#fallsBack(sample)) return undefined;
    const entries = this.#entries.between(sample.sentMs, sample.sentMs);
    const until = Math.max(...entries.map((node) => this.#programmed.lastUse(node, removed)));
    if (entries.length === 0 || sample.sentMs <= until + TOLERANCE_MS) return undefined;
    const node = entries.length === 1 ? (entries[0] ?? '') : 'the last node';
    const known = Math.max(...entries.map((n) => this.#programmed.since(n, removed.removed, removed.toMs)));
    return {
      finding:
        known <= sample.sentMs
          ? `${removed.name} answered a new connection ${ms(sample.sentMs - known)} after the rules of ${node} were without it`
          : `${removed.name} answered a new connection ${ms(sample.sentMs - removed.toMs)} after its removal; the rules of ${node} should have been without it by ${ms(until - removed.toMs)}`,
      evidence: [
        line(removed.toMs, `${removed.name} leaves the slices (revision ${removed.removed})`),
        known <= sample.sentMs
          ? line(known, `the rules of ${node} contain revision ${removed.removed}`)
          : line(until, `by now the rules of ${node} should contain revision ${removed.removed}`),
        this.#answer(sample),
      ],
    };
  }

  /** Whether terminating endpoints are used for want of ready ones, or may still be in the rules for that. */
  #fallsBack(sample: FlowSample): boolean {
    const local = this.#view.facts.externalTrafficPolicy === 'Local';
    const node = this.#places.get(sample.backend)?.node;
    const settled = sample.sentMs - this.#view.bounds.programMs;
    return !this.#all.some(
      (s) =>
        s.fromMs <= settled &&
        s.toMs >= sample.sentMs &&
        (!local || node === undefined || this.#places.get(s.name)?.node === node),
    );
  }

  #answer(sample: FlowSample): CheckEvidence {
    const flow = sample.kind === 'new' ? 'a new connection' : 'a kept connection';
    return line(sample.sentMs, `request ${sample.seq} on ${flow} is sent, and ${sample.backend} answers it`);
  }
}

/** `web-1` of `shop/web-1`. */
export function podName(label: string | undefined): string {
  const parts = (label ?? '').split('/');
  return parts[parts.length - 1] ?? '';
}
