/** At most one node answers for the address. */
import { round } from '../report/percentile.ts';
import { type Claim, claimsOf, type OwnerSpan, ownerSpans } from './claims.ts';
import type { CheckEvidence, CheckResult } from './result.ts';
import { type HistoryView, line, listed, ms, type Stamp } from './view.ts';

const CHECK = 'one-owner';

/**
 * Violated by two or more owners for longer than a handover between living nodes takes, and by an ARP answer of a node that had given the address
 * up. Where the scenario expects a split, it is only violated by one that outlasts the end of the faults by more than the members need to find
 * each other. Undefined for a target that is no VIP.
 */
export function checkOneOwner(view: HistoryView): CheckResult | undefined {
  if (view.facts.vip === '') return undefined;
  const claims = claimsOf(view);
  const spans = ownerSpans(claims, 0, view.endMs);
  const none = total(spans.filter((s) => s.claims.length === 0));
  const several = overlaps(spans);
  const longest = several.reduce<OwnerSpan | undefined>((a, b) => (a && length(a) >= length(b) ? a : b), undefined);
  const changes = claims.filter((c) => c.fromMs > 0 && c.fromMs < view.endMs).length;
  const figures = {
    none_ms: round(none),
    several_ms: round(total(several)),
    longest_several_ms: round(longest ? length(longest) : 0),
    bound_ms: round(view.bounds.handoverMs),
    claims: changes,
  };
  const told = `${ms(total(several))} with two or more, ${ms(none)} with none`;
  const broken = several.find((span) => tooLong(view, span));
  if (broken)
    return {
      check: CHECK,
      held: false,
      finding: `${listed(nodesOf(broken))} answered for ${view.facts.vip} at once for ${ms(length(broken))}, more than the ${ms(allowedMs(view, broken))} allowed; in all ${told}`,
      figures,
      evidence: overlapEvidence(broken, view.endMs),
    };
  const stray = strayAnswer(view, claims);
  if (stray)
    return {
      check: CHECK,
      held: false,
      finding: `${stray.node} answered an ARP request for ${view.facts.vip} without owning it; in all ${told}`,
      figures,
      evidence: strayEvidence(view, claims, stray),
    };
  if (longest && length(longest) > view.bounds.handoverMs)
    return {
      check: CHECK,
      held: true,
      finding: `As the scenario expects: ${listed(nodesOf(longest))} answered for ${view.facts.vip} at once for ${ms(length(longest))}; in all ${told}`,
      figures,
      evidence: overlapEvidence(longest, view.endMs),
    };
  const owners = new Set(claims.filter((c) => c.toMs > 0 && c.fromMs < view.endMs).map((c) => c.node));
  const one = several.length > 0 ? 'One owner but for handovers' : 'One owner at a time';
  const who = owners.size === 0 ? 'Nobody owned it' : owners.size === 1 ? 'One owner all along' : one;
  return { check: CHECK, held: true, finding: `${who}: ${told}`, figures, evidence: [] };
}

const length = (span: OwnerSpan): number => span.toMs - span.fromMs;
const total = (spans: readonly OwnerSpan[]): number => spans.reduce((sum, s) => sum + length(s), 0);
const nodesOf = (span: OwnerSpan): string[] => [...new Set(span.claims.map((c) => c.node))].sort();

/** Stretches with two owners or more, neighbours joined. */
function overlaps(spans: readonly OwnerSpan[]): OwnerSpan[] {
  const joined: OwnerSpan[] = [];
  for (const span of spans) {
    if (span.claims.length < 2) continue;
    const last = joined[joined.length - 1];
    if (last && last.toMs === span.fromMs)
      joined[joined.length - 1] = {
        fromMs: last.fromMs,
        toMs: span.toMs,
        claims: [...new Set([...last.claims, ...span.claims])],
      };
    else joined.push(span);
  }
  return joined;
}

/** From where on an overlap counts, and how long it may be from there. */
function allowedMs(view: HistoryView, span: OwnerSpan): number {
  if (!view.facts.expects?.includes(CHECK)) return view.bounds.handoverMs;
  const ends = view.faults.filter((f) => f.fromMs <= span.toMs && f.toMs >= span.fromMs).map((f) => f.toMs);
  return Math.max(span.fromMs, ...ends) - span.fromMs + view.bounds.rejoinMs;
}

function tooLong(view: HistoryView, span: OwnerSpan): boolean {
  return length(span) > allowedMs(view, span);
}

function overlapEvidence(span: OwnerSpan, endMs: number): CheckEvidence[] {
  const [first, second] = [...span.claims].sort((a, b) => a.fromMs - b.fromMs);
  if (!first || !second) return [];
  const lines: CheckEvidence[] = [
    line(Number.isFinite(first.fromMs) ? first.fromMs : 0, first.began),
    line(second.fromMs, second.began),
  ];
  const ended = first.toMs <= second.toMs ? first : second;
  lines.push(
    ended.toMs < endMs
      ? line(ended.toMs, ended.ended)
      : line(endMs, `the run ends, and neither ${first.node} nor ${second.node} has given up`),
  );
  return lines;
}

/** An answer by a node that did not own the address at that time, nor shortly before or after (a request may be under way when it moves). */
function strayAnswer(view: HistoryView, claims: readonly Claim[]): Stamp | undefined {
  const near = view.bounds.handoverMs;
  return view
    .of('vip.answered')
    .find(
      (s) =>
        s.attrs.vip === view.facts.vip &&
        s.ms >= 0 &&
        !claims.some((c) => c.node === s.node && c.fromMs <= s.ms + near && c.toMs >= s.ms - near),
    );
}

function strayEvidence(view: HistoryView, claims: readonly Claim[], stray: Stamp): CheckEvidence[] {
  const before = claims.filter((c) => c.node === stray.node && c.toMs < stray.ms).pop();
  const owner = claims.find((c) => c.fromMs <= stray.ms && c.toMs >= stray.ms);
  return [
    ...(before ? [line(before.toMs, before.ended)] : []),
    ...(owner && Number.isFinite(owner.fromMs) ? [line(owner.fromMs, owner.began)] : []),
    line(stray.ms, `${stray.node} answers ${stray.attrs.asker ?? 'a host'} that ${view.facts.vip} is here`),
  ].sort((a, b) => a.at_ms - b.at_ms);
}
