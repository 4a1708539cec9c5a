/** A history on one time axis: milliseconds since the run's first planned request. */
import type { TimelineEvent, TimelineType } from '../lab/timeline.ts';
import { round } from '../report/percentile.ts';
import type { ProbeKind, ProbeSample } from '../report/probe.ts';
import { type CheckBounds, checkBounds } from './bounds.ts';
import type { History, HistoryFacts, HistoryFault } from './history.ts';
import type { CheckEvidence } from './result.ts';

/** A stamp with its time on the axis. */
export interface Stamp extends Pick<TimelineEvent, 'type' | 'node' | 'component' | 'cause' | 'attrs'> {
  readonly ms: number;
}

/** A fault with its times on the axis; `toMs` is Infinity when it lasted beyond the events. */
export interface FaultSpan {
  readonly verb: string;
  readonly target: string;
  /** Network it acts on, for faults of links. */
  readonly network: 'lan' | 'control';
  readonly fromMs: number;
  readonly toMs: number;
}

/** A sample and its flow. */
export interface FlowSample extends ProbeSample {
  readonly kind: ProbeKind;
}

/** Verbs that end what runs: it comes back as something new. */
const ENDING = new Set(['kill', 'reboot', 'restart', 'power-off']);
/** Verbs that also end it, but let it take its leave. */
const LEAVING = new Set(['stop', 'drain']);

/** Component behind a kind of target. */
const COMPONENTS: Readonly<Record<string, string>> = {
  agent: 'node-agent',
  announcer: 'l2-announcer',
  pods: 'pod-host',
  dns: 'dns',
  controller: 'controller',
};

/** Reads a history once for all checkers. */
export class HistoryView {
  readonly facts: HistoryFacts;
  readonly bounds: CheckBounds;
  /** In order of time. */
  readonly stamps: readonly Stamp[];
  readonly faults: readonly FaultSpan[];
  readonly endMs: number;
  /** Both flows by the time they were sent. */
  readonly samples: readonly FlowSample[];
  readonly #startNs: bigint;
  readonly #byType = new Map<TimelineType, Stamp[]>();

  constructor(history: History) {
    this.facts = history.facts;
    this.#startNs = history.run.startNs;
    this.stamps = history.events.map((e) => ({ ...e, ms: this.ms(e.atNs) })).sort((a, b) => a.ms - b.ms);
    for (const stamp of this.stamps) {
      const list = this.#byType.get(stamp.type);
      if (list) list.push(stamp);
      else this.#byType.set(stamp.type, [stamp]);
    }
    this.bounds = checkBounds(history.facts.knobs, busyMs(this.of('rules.programmed')));
    this.endMs = this.ms(history.endNs);
    this.faults = history.faults.map((f) => this.#span(f)).sort((a, b) => a.fromMs - b.fromMs);
    this.samples = [
      ...history.run.new.map((s) => ({ ...s, kind: 'new' as const })),
      ...history.run.reused.map((s) => ({ ...s, kind: 'reused' as const })),
    ].sort((a, b) => a.sentMs - b.sentMs || a.seq - b.seq);
  }

  /** A time of the monotonic clock on the axis. */
  ms(ns: bigint): number {
    return Number(ns - this.#startNs) / 1e6;
  }

  /** All stamps of some types, in order of time. */
  of(...types: readonly TimelineType[]): readonly Stamp[] {
    const lists = types.map((t) => this.#byType.get(t) ?? []);
    return lists.length === 1 ? (lists[0] ?? []) : lists.flat().sort((a, b) => a.ms - b.ms);
  }

  /** Whether a node was without power at a time. */
  isDown(node: string, ms: number): boolean {
    return this.#outages(node).some((f) => f.fromMs <= ms && ms < f.toMs);
  }

  /** When the kernel of a node, as it is at `ms`, began to run; -Infinity when it has run all along. */
  bootedMs(node: string, ms: number): number {
    let booted = Number.NEGATIVE_INFINITY;
    for (const f of this.#outages(node)) if (f.fromMs <= ms) booted = Math.max(booted, f.toMs);
    return booted;
  }

  /** First time at or after `ms` at which no fault keeps a node from following the store; Infinity when there is none. */
  followsFrom(node: string, ms: number): number {
    return this.#clearFrom(ms, (f) => (hinders(f, node) ? this.#agentBack(f, node) : undefined));
  }

  /** The same for the DNS servers. Faults that make them lie are none: those are what a check is to find. */
  dnsFollowsFrom(ms: number): number {
    return this.#clearFrom(ms, (f) => {
      const counts = kindOf(f.target) === 'dns' ? !LYING.test(f.verb) : touchesControl(f);
      return counts ? f.toMs + this.bounds.recoverMs : undefined;
    });
  }

  #clearFrom(ms: number, over: (fault: FaultSpan) => number | undefined): number {
    let at = ms;
    for (const f of this.faults) {
      const end = f.fromMs > at + this.bounds.programMs ? undefined : over(f);
      if (end !== undefined && end > at) at = end;
    }
    return at;
  }

  /** When a node's agent followed the store again after a fault. An agent is ready when its rules are; how long a machine takes to boot is nobody's bound. */
  #agentBack(fault: FaultSpan, node: string): number {
    const healed = fault.toMs + this.bounds.recoverMs;
    if (touchesControl(fault) || fault.verb === 'pause') return healed;
    const since = Number.isFinite(fault.toMs) ? fault.toMs : fault.fromMs;
    const all = this.of('process.ready').filter((e) => e.component === 'node-agent');
    const ready = all.find((e) => e.ms >= since && e.node === node);
    return ready?.ms ?? (all.length > 0 ? Number.POSITIVE_INFINITY : healed);
  }

  #outages(node: string): readonly FaultSpan[] {
    return this.faults.filter((f) => f.target === `node/${node}` && (ENDING.has(f.verb) || f.verb === 'stop'));
  }

  #span(fault: HistoryFault): FaultSpan {
    const fromMs = this.ms(fault.fromNs);
    const { verb, target } = fault;
    const made = this.of('fault.effective').find(
      (e) => e.attrs.fault === verb && e.attrs.target === target && Math.abs(e.ms - fromMs) < 1,
    );
    const span = { verb, target, network: made?.attrs.args?.includes('control') ? CONTROL : LAN, fromMs };
    if (fault.untilNs !== undefined) return { ...span, toMs: this.ms(fault.untilNs) };
    const id = made?.attrs.id;
    const healed = this.of('fault.healed').find(
      (e) =>
        e.ms > fromMs &&
        (e.attrs.target === target || (id !== undefined && (e.attrs.id ?? '').split(',').includes(id))),
    );
    return { ...span, toMs: healed?.ms ?? this.#returns(fault, fromMs) };
  }

  /** When what was hit by a fault without an end was back by itself. */
  #returns({ verb, target }: HistoryFault, fromMs: number): number {
    const [kind = '', name = ''] = target.split('/');
    const component = COMPONENTS[kind];
    if (component !== undefined) {
      const ready = this.of('process.ready').find(
        (e) => e.ms > fromMs && e.component === component && (e.node === name || e.node === `${kind}-${name}`),
      );
      return ready?.ms ?? Number.POSITIVE_INFINITY;
    }
    // Pods and bus servers that are killed are started again at once; whatever else was done lasts until it is undone.
    return verb === 'kill' && kind !== 'node' ? fromMs : Number.POSITIVE_INFINITY;
  }
}

/** The longest a node took to program its rules. A full table takes longer the more it holds, but no machine with free CPU takes a tenth of a second. */
function busyMs(programmed: readonly Stamp[]): number {
  return Math.max(0, ...programmed.map((s) => Number(s.attrs.took_us ?? '0') / 1000));
}

const LAN = 'lan' as const;
const CONTROL = 'control' as const;

/** DNS faults that change answers rather than withhold them. */
const LYING = /stale|wrong|nxdomain/;

/** `node` of `node/node-2`. */
export function kindOf(target: string): string {
  return target.split('/')[0] ?? '';
}

/** Whether a fault ends a node's announcer at once (`end`), holds it (`hold`), or leaves it alone. */
export function announcerFault(fault: FaultSpan, node: string): 'end' | 'hold' | undefined {
  const whole = fault.target === `node/${node}`;
  if (!whole && fault.target !== `announcer/${node}`) return undefined;
  if (ENDING.has(fault.verb)) return 'end';
  return fault.verb === 'pause' ? 'hold' : undefined;
}

function touchesControl({ network, target }: FaultSpan): boolean {
  return network === CONTROL || ['nats', 'controller', 'leader', 'control'].includes(kindOf(target));
}

function hinders(fault: FaultSpan, node: string): boolean {
  if (touchesControl(fault)) return true;
  if (fault.target === `agent/${node}`) return true;
  return (
    fault.target === `node/${node}` && (ENDING.has(fault.verb) || LEAVING.has(fault.verb) || fault.verb === 'pause')
  );
}

/** Whether a fault may make a pod refuse: one on it, on its node, or on what serves the node's pods. */
export function hitsPod(fault: FaultSpan, pod: string, node: string | undefined): boolean {
  const parts = fault.target.split('/');
  if (parts[0] === 'pod') return parts[parts.length - 1] === pod;
  return node !== undefined && (fault.target === `node/${node}` || fault.target === `pods/${node}`);
}

/** A line of evidence. */
export function line(ms: number, what: string): CheckEvidence {
  return { at_ms: round(ms), what };
}

/** How long: `1.2 s` reads worse than `1200 ms` beside other figures, so always ms. */
export function ms(value: number): string {
  return `${round(value)} ms`;
}

/** Names joined for a sentence: `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}
