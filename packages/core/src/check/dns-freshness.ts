/** DNS answers are no older than their TTL and a bound. */

import type { DnsSample } from '../report/dns-probe.ts';
import { round } from '../report/percentile.ts';
import { type EndpointSpan, endpointPlaces, endpointSpans } from './endpoints.ts';
import type { DnsHistory } from './history.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type HistoryView, line, ms } from './view.ts';

const CHECK = 'dns-freshness';

/** When an address was part of the right answer. */
interface AddressSpan {
  readonly address: string;
  readonly fromMs: number;
  readonly toMs: number;
}

interface Violation {
  readonly finding: string;
  readonly evidence: readonly CheckEvidence[];
}

/**
 * An answer may hold an address no longer than TTL and bound after its removal, must hold one that was added longer ago than that, and none that
 * never was right; NXDOMAIN and empty answers count as answers without addresses. For a fixed address there is nothing to wait for: every answer is
 * right or wrong. Time during which a fault keeps the servers from the store does not count. Undefined when no name was probed.
 */
export function checkDnsFreshness(view: HistoryView, probes: readonly DnsHistory[]): CheckResult | undefined {
  if (probes.length === 0) return undefined;
  let answers = 0;
  let lost = 0;
  let oldest = 0;
  let violation: Violation | undefined;
  for (const probe of probes) {
    const judge = new Judge(view, probe);
    for (const sample of judge.samples) {
      if (!answered(sample)) {
        lost += 1;
        continue;
      }
      answers += 1;
      oldest = Math.max(oldest, judge.ageMs(sample));
      violation ??= judge.violation(sample);
    }
  }
  const figures = { answers, lost, oldest_ms: round(oldest), bound_ms: round(view.bounds.dnsMs) };
  if (violation) return { check: CHECK, held: false, figures, ...violation };
  const age = oldest > 0 ? `the oldest ${ms(oldest)} behind the endpoints` : 'none behind the endpoints';
  return {
    check: CHECK,
    held: true,
    finding: `${answers} answers, ${age}; ${lost} queries without an answer`,
    figures,
    evidence: [],
  };
}

const answered = (s: DnsSample): boolean => s.outcome === 'ok' || s.outcome === 'nodata' || s.outcome === 'nxdomain';

class Judge {
  /** On the axis of the run. */
  readonly samples: readonly DnsSample[];
  readonly #view: HistoryView;
  readonly #probe: DnsHistory;
  readonly #spans: readonly AddressSpan[];

  constructor(view: HistoryView, probe: DnsHistory) {
    this.#view = view;
    this.#probe = probe;
    const shift = view.ms(probe.run.startNs);
    this.samples = probe.run.samples.map((s) => ({
      ...s,
      scheduledMs: s.scheduledMs + shift,
      sentMs: s.sentMs + shift,
      doneMs: s.doneMs + shift,
    }));
    this.#spans = probe.kind === 'fixed' ? always(probe.addresses) : addressSpans(view, probe);
  }

  /** How long ago the latest of the answer's errors became one, ms; 0 when it is right. */
  ageMs(sample: DnsSample): number {
    const gone = sample.addresses.map((a) => sample.doneMs - this.#lastRight(a, sample.sentMs));
    const missing = this.#missing(sample).map((s) => sample.sentMs - s.fromMs);
    return Math.max(0, ...[...gone, ...missing].filter((age) => Number.isFinite(age)));
  }

  violation(sample: DnsSample): Violation | undefined {
    const allowed = this.#allowedMs(sample);
    for (const address of sample.addresses) {
      const lastMs = this.#lastRight(address, sample.sentMs);
      const limit = Number.isFinite(lastMs) ? this.#view.dnsFollowsFrom(lastMs) + allowed : lastMs;
      if (sample.doneMs > limit) return this.#wrong(sample, address, lastMs);
    }
    for (const span of this.#missing(sample)) {
      const fromMs = Number.isFinite(span.fromMs) ? this.#view.dnsFollowsFrom(span.fromMs) + allowed : span.fromMs;
      if (sample.sentMs > fromMs) return this.#lacking(sample, span);
    }
    return undefined;
  }

  /** A client may keep an answer for its TTL; one without records is taken for as long as records are (the SOA's minimum is the same knob). */
  #allowedMs(sample: DnsSample): number {
    if (this.#probe.kind === 'fixed') return 0;
    const ttlMs = sample.ttl === undefined ? this.#view.facts.knobs['dns.ttl'] : sample.ttl * 1000;
    return ttlMs + this.#view.bounds.dnsMs;
  }

  /** Last time an address was right, as seen from `atMs`: Infinity while it is, -Infinity when it never was. */
  #lastRight(address: string, atMs: number): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const s of this.#spans) {
      if (s.address !== address) continue;
      // Servers act on a slice before the controller has stamped it.
      if (s.fromMs - this.#view.bounds.dnsMs <= atMs)
        last = Math.max(last, s.toMs >= atMs ? Number.POSITIVE_INFINITY : s.toMs);
    }
    return last;
  }

  #missing(sample: DnsSample): readonly AddressSpan[] {
    return this.#spans.filter(
      (s) => s.fromMs <= sample.sentMs && s.toMs > sample.doneMs && !sample.addresses.includes(s.address),
    );
  }

  #wrong(sample: DnsSample, address: string, lastMs: number): Violation {
    const { name } = this.#probe.run;
    if (!Number.isFinite(lastMs))
      return {
        finding: `${sample.server} answered ${name} with ${address}, which never was right`,
        evidence: [this.#answer(sample)],
      };
    return {
      finding: `${sample.server} answered ${name} with ${address} ${ms(sample.doneMs - lastMs)} after it was no endpoint any more; TTL and bound allow ${ms(this.#allowedMs(sample))}`,
      evidence: [
        line(lastMs, `${address} is no ready endpoint of ${this.#probe.service} any more`),
        this.#answer(sample),
      ],
    };
  }

  #lacking(sample: DnsSample, span: AddressSpan): Violation {
    const { name } = this.#probe.run;
    const since = Number.isFinite(span.fromMs)
      ? `${ms(sample.sentMs - span.fromMs)} after it became`
      : 'which has all along been';
    return {
      finding: `${sample.server} answered ${name} without ${span.address}, ${since} ${this.#probe.kind === 'fixed' ? 'its address' : 'an endpoint'}`,
      evidence: [
        ...(Number.isFinite(span.fromMs)
          ? [line(span.fromMs, `${span.address} becomes a ready endpoint of ${this.#probe.service}`)]
          : []),
        this.#answer(sample),
      ],
    };
  }

  #answer(sample: DnsSample): CheckEvidence {
    const said = sample.outcome === 'ok' ? sample.addresses.join(' ') : sample.outcome.toUpperCase();
    return line(sample.sentMs, `query ${sample.seq} is sent, and ${sample.server} answers ${said}`);
  }
}

function always(addresses: readonly string[]): AddressSpan[] {
  return addresses.map((address) => ({
    address,
    fromMs: Number.NEGATIVE_INFINITY,
    toMs: Number.POSITIVE_INFINITY,
  }));
}

/** The addresses of a headless Service over time. Endpoints whose address is not known are left out. */
function addressSpans(view: HistoryView, probe: DnsHistory): AddressSpan[] {
  const places = endpointPlaces(view);
  const known = new Map([...places].map(([name, place]) => [place.ip, name]));
  const initial = probe.addresses.map((a) => known.get(a) ?? a);
  const spans: readonly EndpointSpan[] = endpointSpans(view, probe.service, initial);
  return spans.flatMap((s) => {
    const address = places.get(s.name)?.ip ?? (probe.addresses.includes(s.name) ? s.name : undefined);
    return address === undefined || address === '' ? [] : [{ address, fromMs: s.fromMs, toMs: s.toMs }];
  });
}
