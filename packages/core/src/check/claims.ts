/** Who answered for an address, and when: from the announcers' own stamps and from what ended them. */
import { announcerFault, type HistoryView, type Stamp } from './view.ts';

/** A stretch during which one node answered for the address. Ends are Infinity when nothing ended them. */
export interface Claim {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** What began and what ended it, in words. */
  readonly began: string;
  readonly ended: string;
}

interface Change {
  readonly ms: number;
  readonly kind: 'begin' | 'end' | 'hold' | 'go-on';
  readonly what: string;
}

/** Every claim on the VIP, by node and time. */
export function claimsOf(view: HistoryView): Claim[] {
  if (view.facts.vip === '') return [];
  return view.facts.nodes
    .flatMap((node) => nodeClaims(node, changesOf(view, node), ownedBefore(view, node)))
    .sort((a, b) => a.fromMs - b.fromMs);
}

function concerns(view: HistoryView, stamp: Stamp): boolean {
  const { vip, service } = view.facts;
  return stamp.attrs.vip === vip && (stamp.attrs.service ?? service) === service;
}

/** Whether a node owned the address before its first stamp about it. */
function ownedBefore(view: HistoryView, node: string): boolean {
  if (view.facts.owner !== undefined) return view.facts.owner === node;
  const first = view
    .of('vip.elected', 'vip.released', 'vip.announced')
    .find((s) => s.node === node && concerns(view, s));
  return first?.type === 'vip.released' || first?.type === 'vip.announced';
}

function changesOf(view: HistoryView, node: string): Change[] {
  const changes: Change[] = [];
  for (const s of view.of('vip.elected', 'vip.released')) {
    if (s.node !== node || !concerns(view, s)) continue;
    if (s.type === 'vip.released') changes.push({ ms: s.ms, kind: 'end', what: `${node} stops answering` });
    else if (s.attrs.owner === node)
      changes.push({ ms: s.ms, kind: 'begin', what: `${node} elects itself${s.cause ? ` (${s.cause})` : ''}` });
  }
  const process = `l2-announcer@${node}`;
  for (const s of view.of('process.exited', 'process.started'))
    if (s.attrs.process === process)
      changes.push({
        ms: s.ms,
        kind: 'end',
        what: s.type === 'process.exited' ? `the announcer of ${node} ends` : `the announcer of ${node} starts anew`,
      });
  for (const f of view.faults) {
    const effect = announcerFault(f, node);
    if (effect === undefined) continue;
    const what = `${f.verb} ${f.target}`;
    changes.push({ ms: f.fromMs, kind: effect === 'end' ? 'end' : 'hold', what });
    if (effect === 'hold' && Number.isFinite(f.toMs))
      changes.push({ ms: f.toMs, kind: 'go-on', what: `${node} goes on where it was held` });
  }
  return changes.sort((a, b) => a.ms - b.ms);
}

function nodeClaims(node: string, changes: readonly Change[], before: boolean): Claim[] {
  const claims: Claim[] = [];
  let held = false;
  let from: { ms: number; what: string } | undefined = before
    ? { ms: Number.NEGATIVE_INFINITY, what: `${node} has answered since before the run` }
    : undefined;
  const close = (ms: number, ended: string): void => {
    if (from) claims.push({ node, fromMs: from.ms, toMs: ms, began: from.what, ended });
    from = undefined;
  };
  for (const { ms, kind, what } of changes) {
    if (kind === 'begin') from ??= { ms, what };
    else if (kind === 'go-on') {
      if (held) from ??= { ms, what };
      held = false;
    } else {
      held = kind === 'hold' && from !== undefined;
      close(ms, what);
    }
  }
  close(Number.POSITIVE_INFINITY, 'nothing ended it');
  return claims;
}

/** A stretch with the same owners throughout. */
export interface OwnerSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly claims: readonly Claim[];
}

/** The run from `fromMs` to `toMs` cut where the number of owners changes. */
export function ownerSpans(claims: readonly Claim[], fromMs: number, toMs: number): OwnerSpan[] {
  const clamp = (ms: number): number => Math.min(toMs, Math.max(fromMs, ms));
  const cuts = [...new Set([fromMs, toMs, ...claims.flatMap((c) => [clamp(c.fromMs), clamp(c.toMs)])])].sort(
    (a, b) => a - b,
  );
  const spans: OwnerSpan[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const from = cuts[i] ?? fromMs;
    const to = cuts[i + 1] ?? toMs;
    spans.push({ fromMs: from, toMs: to, claims: claims.filter((c) => c.fromMs <= from && c.toMs >= to) });
  }
  return spans;
}
