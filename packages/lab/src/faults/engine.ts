/** Makes, lists and heals the faults of a lab, in either driver: requests in, timeline and ledger out. */
import type { Clock, TimelineEvent } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type {
  ActiveFault,
  FaultRequest,
  FaultResponse,
  FaultSessionRequest,
  FaultSessionResponse,
  HealFaultsRequest,
  HealFaultsResponse,
} from '@svclab/wire';
import { badInput } from '../state/errors.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import { formatArgs, numberArg, parseArgs } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { FAULTS, faultOf } from './index.ts';
import { FaultLedger, type HealedFault, type LedgerFault, type LedgerPart } from './ledger.ts';
import { resolveTarget, type TargetLookups } from './resolve.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** What the engine works with. */
export interface FaultEngineOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly timeline: Pick<TimelineLog, 'stamp'>;
  readonly lookups: TargetLookups;
  /** What the fault of an id works with. */
  context(id: string): FaultContext;
  /** Ends the lab. */
  down(): void;
}

/** A fault that was checked and may be made. */
export interface CheckedFault {
  readonly definition: FaultDefinition;
  readonly args: FaultArgs;
  readonly targets: readonly ResolvedTarget[];
  readonly cause: string;
}

export class FaultEngine {
  readonly ledger: FaultLedger;
  readonly #options: FaultEngineOptions;

  constructor(options: FaultEngineOptions) {
    this.#options = options;
    const { clock, log, timeline } = options;
    this.ledger = new FaultLedger(clock, {
      healed(fault, { target, atNs }, cause) {
        timeline.stamp('fault.healed', { atNs, cause, attrs: attrsOf(fault, target) });
        log.info({ event: 'fault-healed', id: fault.id, verb: fault.verb, target, cause });
      },
      failed: (fault, err) => log.error({ event: 'fault-not-healed', id: fault.id, verb: fault.verb, err }),
    });
  }

  /** Makes a fault, or says what it would do. Fails with a LabError and has then changed nothing. */
  async fault(request: FaultRequest): Promise<FaultResponse> {
    if (request.verb === 'heal') return this.#healVerb(request);
    const checked = await this.check(request);
    if (request.dryRun) return { ...NOTHING, resolved: this.#names(checked), plan: this.plan(checked) };
    return this.#make(request, checked);
  }

  /** Everything that can be wrong with a request. Fails with a LabError. */
  async check(request: FaultRequest): Promise<CheckedFault> {
    const definition = faultOf(request.verb);
    if (!definition)
      throw badInput(
        `Fault "${request.verb}" is not known: give one of ${[...Object.keys(FAULTS), 'heal'].join(', ')}`,
      );
    const args = parseArgs(definition, request.args);
    if (request.session !== '' && !this.ledger.isOpen(request.session))
      throw badInput(`Fault session "${request.session}" is not open`);
    const targets = await resolveTarget(request.target, definition, args, this.#options.lookups);
    return { definition, args, targets, cause: causeOf(request) };
  }

  /** What a fault would do. */
  plan({ definition, args, targets }: CheckedFault): string[] {
    const context = this.#options.context('N');
    const lasts = numberArg(args, 'duration');
    return [
      ...targets.flatMap((t) => definition.plan(t, args, context)),
      ...(lasts === undefined ? [] : [`heal it after ${lasts} ms`]),
    ];
  }

  /** Forgets what was done to a host that left the lab for good. */
  forget(host: string): void {
    this.ledger.settle(Object.keys(FAULTS), (text) => this.#within(text, { kind: 'host', host }));
  }

  list(): ActiveFault[] {
    return this.ledger.faults.map((f) => this.#toWire(f));
  }

  async heal(request: HealFaultsRequest): Promise<HealFaultsResponse> {
    const { ledger } = this;
    // Ids of a fault on several containers come joined by commas.
    const which = request.which.flatMap((w) => w.split(',')).filter((w) => w !== '');
    const chosen = ledger.select(which, request.session);
    const cause = request.cause || `svclab fault heal ${request.which.join(' ')}`.trim();
    const healed = await ledger.heal(
      chosen.map((f) => f.id),
      cause,
    );
    if (request.endSession && request.session !== '') await ledger.endSession(request.session, cause);
    const outside = ledger.faults.filter((f) => f.outside && chosen.some((c) => c.id === f.id));
    return { healed: healed.map((h) => this.#healedToWire(h)), outside: outside.map((f) => this.#toWire(f)) };
  }

  /** Heals what was made in the session when the stream ends. */
  async *session({ endLab }: FaultSessionRequest, signal: AbortSignal): AsyncGenerator<FaultSessionResponse> {
    const { ledger } = this;
    const session = ledger.openSession();
    try {
      yield { session };
      if (!signal.aborted)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      if (ledger.isOpen(session)) {
        this.#options.log.warn({ event: 'fault-session-broken', session, end_lab: endLab });
        await ledger.endSession(session, `session ${session} has ended`);
        if (endLab) this.#options.down();
      }
    }
  }

  /** Puts a fault on the timeline. */
  stampEffective(fault: LedgerFault, target: string, atNs: bigint): TimelineEvent {
    return this.#options.timeline.stamp('fault.effective', { atNs, cause: fault.cause, attrs: attrsOf(fault, target) });
  }

  async #make(request: FaultRequest, checked: CheckedFault): Promise<FaultResponse> {
    const { definition, args, targets, cause } = checked;
    const id = this.ledger.nextId();
    const context = this.#options.context(id);
    const made = await applyAll(checked, context);
    const sinceNs = made[0]?.atNs ?? this.#options.clock.nowNs();
    if (definition.heals) return this.#brought(request, checked, sinceNs);
    const parts: LedgerPart[] = made.flatMap(({ target, heal, again }) =>
      heal ? [{ target: formatTarget(target), heal, ...(again ? { again } : {}) }] : [],
    );
    const duration = numberArg(args, 'duration');
    const fault: LedgerFault = {
      ...{ id: parts.length > 0 ? id : '', verb: request.verb, args: request.args, cause, session: request.session },
      targets: parts.map((p) => p.target),
      sinceNs,
      healsAtNs: parts.length > 0 && duration !== undefined ? sinceNs + BigInt(Math.round(duration * 1e6)) : undefined,
      outside: false,
    };
    const events = made.map(({ target, atNs }) => this.stampEffective(fault, formatTarget(target), atNs));
    this.#options.log.info({ event: 'fault', id, verb: request.verb, target: this.#names(checked) });
    const before = this.#inSlotOf(definition, args);
    if (parts.length > 0) this.ledger.add(fault, parts);
    await this.ledger.heal(before, `${id} takes its place`);
    return {
      ...NOTHING,
      resolved: names(targets),
      effectiveNs: sinceNs,
      effectiveWallMs: wall(events[0]?.wallMs ?? this.#options.clock.wall()),
      id: fault.id,
      ...this.#healsAt(fault),
    };
  }

  /** Answers for a verb that brings something back, and settles the faults that are over with it. */
  #brought(request: FaultRequest, { definition, targets, cause }: CheckedFault, atNs: bigint): FaultResponse {
    let wallMs = this.#options.clock.wall();
    for (const target of targets) {
      const settled = this.ledger.settle(definition.settles ?? [], (text) => this.#within(text, target));
      const event = this.#options.timeline.stamp('fault.healed', {
        atNs,
        cause,
        attrs: {
          fault: request.verb,
          target: formatTarget(target),
          ...(settled.length > 0 ? { id: settled.join(',') } : {}),
        },
      });
      wallMs = event.wallMs;
    }
    this.#options.log.info({ event: 'fault', verb: request.verb, target: names(targets) });
    return { ...NOTHING, resolved: names(targets), effectiveNs: atNs, effectiveWallMs: wall(wallMs) };
  }

  /** Whether a target, as text, is another one or a process of it. */
  #within(text: string, other: ResolvedTarget): boolean {
    if (text === formatTarget(other)) return true;
    return other.kind === 'host' && /^(announcer|agent|pods)\//.test(text) && text.endsWith(`/${other.host}`);
  }

  #inSlotOf(definition: FaultDefinition, args: FaultArgs): string[] {
    const slot = definition.slot?.(args);
    if (slot === undefined) return [];
    return this.ledger.faults
      .filter((f) => f.verb === definition.verb && definition.slot?.(parseArgs(definition, f.args)) === slot)
      .map((f) => f.id);
  }

  /** `svclab fault heal` as a verb: what other programs than the CLI send. */
  async #healVerb(request: FaultRequest): Promise<FaultResponse> {
    const which = request.target.split(/[\s,]+/).filter((w) => w !== '');
    const chosen = this.ledger.select(which, request.session);
    if (request.dryRun)
      return {
        ...NOTHING,
        resolved: targetsOf(chosen),
        plan: chosen.map((f) => `heal ${f.id}: ${f.verb} ${f.targets.join(', ')}`),
      };
    const cause = causeOf(request);
    const done = await this.ledger.heal(
      chosen.map((f) => f.id),
      cause,
    );
    const atNs = done[done.length - 1]?.atNs ?? this.#options.clock.nowNs();
    return {
      ...NOTHING,
      resolved: targetsOf(done.map((d) => d.fault).reverse()),
      effectiveNs: atNs,
      effectiveWallMs: this.#wallOf(atNs),
    };
  }

  #names({ targets }: CheckedFault): string {
    return names(targets);
  }

  #wallOf(atNs: bigint): bigint {
    const { clock } = this.#options;
    return wall(clock.wall() - Number(clock.nowNs() - atNs) / 1e6);
  }

  #healsAt(fault: LedgerFault): { healsAtNs: bigint; healsAtWallMs: bigint } {
    const at = fault.healsAtNs;
    return at === undefined ? { healsAtNs: 0n, healsAtWallMs: 0n } : { healsAtNs: at, healsAtWallMs: this.#wallOf(at) };
  }

  #toWire(fault: LedgerFault): ActiveFault {
    return {
      ...{ id: fault.id, verb: fault.verb, cause: fault.cause, session: fault.session, outside: fault.outside },
      targets: [...fault.targets],
      args: { ...fault.args },
      sinceNs: fault.sinceNs,
      sinceWallMs: this.#wallOf(fault.sinceNs),
      ...this.#healsAt(fault),
    };
  }

  #healedToWire({ fault, atNs }: HealedFault): HealFaultsResponse['healed'][number] {
    return { fault: this.#toWire(fault), healedNs: atNs, healedWallMs: this.#wallOf(atNs) };
  }
}

const NOTHING: FaultResponse = {
  resolved: '',
  effectiveNs: 0n,
  effectiveWallMs: 0n,
  id: '',
  plan: [],
  healsAtNs: 0n,
  healsAtWallMs: 0n,
};

const names = (targets: readonly ResolvedTarget[]): string => targets.map(formatTarget).join(',');
const targetsOf = (faults: readonly LedgerFault[]): string => faults.flatMap((f) => f.targets).join(',');
const wall = (ms: number): bigint => BigInt(Math.round(ms));

interface Made {
  readonly target: ResolvedTarget;
  readonly atNs: bigint;
  readonly heal?: () => Promise<bigint>;
  readonly again?: (host: string) => Promise<void>;
}

/** Makes a fault on each target; when one fails, the others are undone. */
async function applyAll({ definition, args, targets }: CheckedFault, context: FaultContext): Promise<Made[]> {
  const made: Made[] = [];
  try {
    for (const target of targets) made.push({ target, ...(await definition.apply(target, args, context)) });
  } catch (error) {
    for (const one of made.reverse())
      await one.heal?.().catch((err: unknown) => context.log.error({ event: 'fault-not-undone', err }));
    throw error;
  }
  return made;
}

function attrsOf(fault: LedgerFault, target: string): Record<string, string> {
  const args = formatArgs(fault.args);
  return {
    fault: fault.verb,
    target,
    ...(fault.id === '' ? {} : { id: fault.id }),
    ...(args === '' ? {} : { args }),
  };
}

/** The command line that says the same. */
function causeOf({ verb, target, args, cause }: FaultRequest): string {
  if (cause !== '') return cause;
  const options = Object.entries(args).map(([name, value]) => (value === 'true' ? `--${name}` : `--${name} ${value}`));
  return ['svclab fault', verb, target, ...options].filter((w) => w !== '').join(' ');
}
