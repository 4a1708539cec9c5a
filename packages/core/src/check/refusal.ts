/** Nothing is refused while an endpoint is ready everywhere. */
import { round } from '../report/percentile.ts';
import { type EndpointSpan, endpointPlaces, endpointSpans, Programmed } from './endpoints.ts';
import { podName } from './removed-endpoint.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type FlowSample, type HistoryView, hitsPod, line } from './view.ts';

const CHECK = 'no-refusal-while-ready';

/**
 * Violated by a refused request while some endpoint was ready and in the rules of every node that has power. Refusals are excused, and counted,
 * while the rules may still lead to an endpoint that a fault has hit or that was seen not ready: then the time until the removal is at fault, which
 * `no-removed-endpoint` and `rules-converge` judge.
 */
export function checkRefusal(view: HistoryView): CheckResult {
  const reader = new Reader(view);
  const refused = view.samples.filter((s) => s.outcome === 'refused');
  let excused = 0;
  let unserved = 0;
  let violation: { readonly finding: string; readonly evidence: readonly CheckEvidence[] } | undefined;
  for (const sample of refused) {
    const ready = reader.readyEverywhere(sample);
    if (!ready) unserved += 1;
    else if (reader.excuse(sample)) excused += 1;
    else violation ??= { finding: reader.finding(sample, ready), evidence: reader.evidence(sample, ready) };
  }
  const figures = { refused: refused.length, excused, without_endpoint: unserved };
  if (violation) return { check: CHECK, held: false, figures, ...violation };
  const finding =
    refused.length === 0
      ? 'Nothing was refused'
      : `${refused.length} refused: ${excused} while the rules still led to an endpoint that was down, ${unserved} while no endpoint was ready everywhere`;
  return { check: CHECK, held: true, finding, figures, evidence: [] };
}

interface Bad {
  readonly fromMs: number;
  readonly toMs: number;
}

class Reader {
  readonly #view: HistoryView;
  readonly #spans: readonly EndpointSpan[];
  readonly #programmed: Programmed;
  readonly #bad = new Map<string, Bad[]>();

  constructor(view: HistoryView) {
    this.#view = view;
    this.#programmed = new Programmed(view);
    this.#spans = endpointSpans(view, view.facts.service, view.facts.endpoints);
    const places = endpointPlaces(view);
    for (const name of new Set(this.#spans.map((s) => s.name))) {
      const faults = view.faults.filter((f) => hitsPod(f, name, places.get(name)?.node));
      this.#bad.set(name, [...faults, ...this.#notReady(name)]);
    }
  }

  /** An endpoint that was ready, and known as such to every node with power, from before the request was sent until it was refused. */
  readyEverywhere(sample: FlowSample): EndpointSpan | undefined {
    const nodes = this.#view.facts.nodes.filter((node) => !this.#view.isDown(node, sample.sentMs));
    return this.#spans.find(
      (s) =>
        s.toMs > sample.doneMs &&
        !this.#isBad(s.name, sample) &&
        nodes.every((node) => this.#programmed.since(node, s.added, sample.sentMs) <= sample.sentMs),
    );
  }

  /** Whether the rules of some node may have led to an endpoint that was down. */
  excuse(sample: FlowSample): boolean {
    return this.#spans.some((s) => {
      if (!this.#isBad(s.name, sample) || s.fromMs > sample.doneMs) return false;
      return Math.max(...this.#view.facts.nodes.map((node) => this.#programmed.lastUse(node, s))) >= sample.sentMs;
    });
  }

  finding(sample: FlowSample, ready: EndpointSpan): string {
    return `Request ${sample.seq} (${sample.kind} connection) was refused while ${ready.name} was ready and in the rules of every node`;
  }

  evidence(sample: FlowSample, ready: EndpointSpan): CheckEvidence[] {
    const nodes = this.#view.facts.nodes.filter((node) => !this.#view.isDown(node, sample.sentMs));
    const since = Math.max(...nodes.map((node) => this.#programmed.since(node, ready.added, sample.sentMs)));
    return [
      ...(ready.added === undefined
        ? []
        : [line(ready.fromMs, `${ready.name} becomes a ready endpoint (revision ${ready.added})`)]),
      ...(Number.isFinite(since) ? [line(since, `the last node has it in its rules`)] : []),
      line(
        sample.sentMs,
        `request ${sample.seq} is sent, and refused ${round(sample.doneMs - sample.sentMs)} ms later`,
      ),
    ].sort((a, b) => a.at_ms - b.at_ms);
  }

  #isBad(name: string, sample: FlowSample): boolean {
    return (this.#bad.get(name) ?? []).some((b) => b.fromMs <= sample.doneMs && b.toMs >= sample.sentMs);
  }

  #notReady(name: string): Bad[] {
    const bad: Bad[] = [];
    let from: number | undefined;
    for (const s of this.#view.of('pod.ready', 'pod.not-ready', 'pod.stopped')) {
      if (podName(s.attrs.pod) !== name) continue;
      if (s.type === 'pod.ready') {
        if (from !== undefined) bad.push({ fromMs: from, toMs: s.ms });
        from = undefined;
      } else from ??= s.ms;
    }
    return from === undefined ? bad : [...bad, { fromMs: from, toMs: Number.POSITIVE_INFINITY }];
  }
}
