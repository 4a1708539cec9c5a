/** The timeline as lanes: for each component what happened when, and for how long it was broken, suspected or in charge. */
import { round, type TimelineEvent, type TimelineType } from '@svclab/core';
import type { PageEvent, PageLane, PageSpan } from '@svclab/report-page';

/** Milliseconds of a run from nanoseconds of the machine. */
export type RunTime = (ns: bigint) => number;

/** Most events drawn in a lane; the raw data keeps all. */
const MAX_EVENTS = 400;

const KINDS: Readonly<Record<string, PageEvent['kind']>> = {
  process: 'process',
  member: 'member',
  vip: 'vip',
  node: 'node',
  leader: 'node',
  endpoints: 'endpoints',
  rules: 'rules',
  pod: 'pod',
  probe: 'probe',
};

/** What the lanes are made of. */
export interface LaneInput {
  readonly events: readonly TimelineEvent[];
  readonly faults: readonly PageSpan[];
  /** Who answered for the VIP when the run began; both empty where nobody did. */
  readonly owner: { readonly vip: string; readonly node: string };
  readonly time: RunTime;
  readonly durationMs: number;
}

/** Lanes in the order of the eye: faults, what clients saw, then host by host. */
export function lanesOf({ events, faults, owner, time, durationMs }: LaneInput): PageLane[] {
  const within = events.filter((e) => time(e.atNs) >= 0 && time(e.atNs) <= durationMs);
  const lanes = new Map<string, { spans: PageSpan[]; events: PageEvent[] }>();
  const lane = (name: string) => {
    const found = lanes.get(name) ?? { spans: [], events: [] };
    lanes.set(name, found);
    return found;
  };
  const faultLane = lane('faults');
  faultLane.spans.push(...faults);
  for (const e of within) {
    if (e.type === 'member.last-heartbeat') continue;
    const at = round(time(e.atNs), 2);
    if (e.type === 'fault.effective' || e.type === 'fault.healed')
      faultLane.events.push({ at, label: labelOf(e), kind: e.type === 'fault.healed' ? 'heal' : 'fault' });
    else lane(laneName(e)).events.push({ at, label: labelOf(e), kind: KINDS[e.type.split('.')[0] ?? ''] ?? 'process' });
  }
  for (const span of [...spansOf(within, time, durationMs), ...ownership(within, owner, time, durationMs)])
    lane(span.lane).spans.push(span.span);
  return [...lanes]
    .filter(([, l]) => l.spans.length > 0 || l.events.length > 0)
    .sort(([a], [b]) => order(a) - order(b) || a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, l]) => ({ name, spans: l.spans, events: l.events.slice(0, MAX_EVENTS) }));
}

const SHORT: Readonly<Record<string, string>> = { 'l2-announcer': 'announcer', 'node-agent': 'agent' };

/** A process's end is stamped by the supervisor, but belongs to the process. */
function laneName(e: TimelineEvent): string {
  const [process, host] = (e.attrs.process ?? '').split('@');
  if (e.type.startsWith('process.') && process && host) return name(host, process);
  return name(e.node, e.component);
}

function name(host: string, component: string): string {
  const short = SHORT[component] ?? component;
  return host.startsWith(component) ? host : `${host} ${short}`;
}

function order(lane: string): number {
  if (lane === 'faults') return 0;
  if (lane.startsWith('client')) return 1;
  if (lane.startsWith('node')) return 2;
  return lane.startsWith('lab') ? 4 : 3;
}

/** What one event says, for the tooltip: its type and what it names. */
export function labelOf(e: TimelineEvent): string {
  const said = Object.entries(e.attrs)
    .filter(
      ([key, value]) =>
        value !== '' && !['service', 'took_us', 'operations', 'services', 'interface', 'url', 'at_ns'].includes(key),
    )
    .map(([key, value]) => `${key} ${value}`);
  return `${e.type}${said.length > 0 ? `: ${said.join(', ')}` : ''}`;
}

interface Opening {
  readonly opens: readonly TimelineType[];
  readonly closes: readonly TimelineType[];
  readonly kind: PageSpan['kind'];
  /** What opening and closing event have in common; undefined for an event that does neither. */
  readonly key: (e: TimelineEvent) => string | undefined;
  readonly lane: (e: TimelineEvent) => string;
  readonly label: (e: TimelineEvent) => string;
}

const peer = (e: TimelineEvent): string => `${e.node} ${e.attrs.peer ?? ''}`;
const OPENINGS: readonly Opening[] = [
  {
    opens: ['process.exited'],
    closes: ['process.started', 'process.ready'],
    kind: 'down',
    key: (e) => e.attrs.process,
    lane: laneName,
    label: (e) => `${e.attrs.process ?? ''} down${e.attrs.signal ? ` (${e.attrs.signal})` : ''}`,
  },
  {
    opens: ['member.suspected'],
    closes: ['member.alive', 'member.dead', 'member.left', 'member.joined'],
    kind: 'suspect',
    key: peer,
    lane: laneName,
    label: (e) => `suspects ${e.attrs.peer ?? ''}`,
  },
  {
    opens: ['node.not-ready'],
    closes: ['node.ready'],
    kind: 'not-ready',
    key: (e) => e.attrs.target,
    lane: laneName,
    label: (e) => `${e.attrs.target ?? ''} NotReady`,
  },
  {
    opens: ['probe.first-failure'],
    closes: ['probe.first-success'],
    kind: 'dark',
    key: (e) => e.attrs.kind,
    lane: laneName,
    label: (e) => `no answer on ${e.attrs.kind ?? ''} connections`,
  },
];

/** Stretches between an event that opens one and the next that closes it; to the end of the run where none does. */
function spansOf(
  events: readonly TimelineEvent[],
  time: RunTime,
  durationMs: number,
): { readonly lane: string; readonly span: PageSpan }[] {
  const found: { lane: string; span: PageSpan }[] = [];
  for (const rule of OPENINGS)
    found.push(
      ...pair(events, time, durationMs, rule).map(({ opened, from, to }) => ({
        lane: rule.lane(opened),
        span: { from, to, label: rule.label(opened), kind: rule.kind },
      })),
    );
  return found;
}

function pair(
  events: readonly TimelineEvent[],
  time: RunTime,
  durationMs: number,
  rule: Pick<Opening, 'opens' | 'closes' | 'key'>,
): { opened: TimelineEvent; from: number; to: number }[] {
  const open = new Map<string, TimelineEvent>();
  const found: { opened: TimelineEvent; from: number; to: number }[] = [];
  const at = (e: TimelineEvent): number => round(time(e.atNs), 2);
  for (const e of events) {
    const key = rule.key(e);
    if (key === undefined) continue;
    const opened = open.get(key);
    if (opened && rule.closes.includes(e.type)) {
      found.push({ opened, from: at(opened), to: at(e) });
      open.delete(key);
    } else if (!opened && rule.opens.includes(e.type)) open.set(key, e);
  }
  return [...found, ...[...open.values()].map((opened) => ({ opened, from: at(opened), to: durationMs }))];
}

/** While an announcer answered for a VIP by its own word: from its election to its release, or to the end of its process. */
function ownership(
  events: readonly TimelineEvent[],
  first: { readonly vip: string; readonly node: string },
  time: RunTime,
  durationMs: number,
): { readonly lane: string; readonly span: PageSpan }[] {
  const found: { lane: string; span: PageSpan }[] = [];
  const open = new Map<string, { node: string; vip: string; from: number }>();
  const at = (e: TimelineEvent): number => round(time(e.atNs), 2);
  const close = (key: string, to: number): void => {
    const opened = open.get(key);
    if (!opened) return;
    open.delete(key);
    const span: PageSpan = { from: opened.from, to, label: `owns ${opened.vip}`, kind: 'owner' };
    found.push({ lane: name(opened.node, 'l2-announcer'), span });
  };
  if (first.vip !== '' && first.node !== '') open.set(`${first.node} ${first.vip}`, { ...first, from: 0 });
  for (const e of events) {
    const vip = e.attrs.vip ?? '';
    const key = `${e.node} ${vip}`;
    if (e.type === 'vip.elected' && e.attrs.owner === e.node)
      open.set(key, open.get(key) ?? { node: e.node, vip, from: at(e) });
    else if (e.type === 'vip.released' || e.type === 'vip.elected') close(key, at(e));
    const [process, host] = (e.attrs.process ?? '').split('@');
    if (e.type === 'process.exited' && process === 'l2-announcer')
      for (const k of [...open.keys()]) if (k.startsWith(`${host} `)) close(k, at(e));
  }
  for (const key of [...open.keys()]) close(key, durationMs);
  return found;
}

/** While faults were there: from when each took effect until it was healed or its target came back. */
export function faultSpans(events: readonly TimelineEvent[], time: RunTime, durationMs: number): PageSpan[] {
  return pair(events, time, durationMs, {
    opens: ['fault.effective'],
    closes: ['fault.healed'],
    key: (e) => (e.type.startsWith('fault.') ? e.attrs.target : undefined),
  })
    .filter(({ to }) => to >= 0)
    .map(({ opened, from, to }) => ({
      from: Math.max(0, from),
      to: Math.min(durationMs, to),
      label: `${opened.attrs.fault ?? ''} ${opened.attrs.target ?? ''}`,
      kind: 'fault',
    }));
}
