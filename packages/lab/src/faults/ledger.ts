/**
 * The faults that are in effect: who made them, until when, and how they are undone. Whatever ends first heals a fault: its duration, the
 * session it belongs to, or whoever asks. Undoing that fails by itself is tried again until it succeeds.
 */
import type { Cancel, Clock } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** What is known of a fault in effect. */
export interface LedgerFault {
  readonly id: string;
  readonly verb: string;
  /** As text, those that are still affected. */
  readonly targets: readonly string[];
  /** As given, by name. */
  readonly args: Readonly<Record<string, string>>;
  readonly cause: string;
  /** Empty: none. */
  readonly session: string;
  /** CLOCK_MONOTONIC ns of the effect. */
  readonly sinceNs: bigint;
  /** Undefined: it stays until it is healed. */
  readonly healsAtNs: bigint | undefined;
  /** Only whoever has Docker can undo it. */
  readonly outside: boolean;
}

/** One target of a fault and how it is set right. */
export interface LedgerPart {
  readonly target: string;
  /** Undoes it and returns the instant; repeating it is no error. */
  heal(): Promise<bigint>;
  again?(host: string): Promise<void>;
}

/** Part of a fault that was undone. */
export interface HealedPart {
  readonly target: string;
  readonly atNs: bigint;
}

/** A fault that was undone. */
export interface HealedFault {
  readonly fault: LedgerFault;
  readonly atNs: bigint;
}

/** What the ledger tells. */
export interface LedgerEvents {
  /** A target is right again. */
  healed(fault: LedgerFault, part: HealedPart, cause: string): void;
  /** Undoing failed; it is tried again where nobody waits for it. */
  failed(fault: LedgerFault, error: unknown): void;
}

interface Entry {
  fault: LedgerFault;
  parts: readonly LedgerPart[];
  cancel: Cancel;
  healing: Promise<HealedFault> | undefined;
}

/** How long after a failure undoing is tried again, ms. */
const RETRY_MS = 1000;

export class FaultLedger {
  readonly #clock: Clock;
  readonly #events: LedgerEvents;
  readonly #entries = new Map<string, Entry>();
  readonly #sessions = new Set<string>();
  #faults = 0;
  #lastSession = 0;

  constructor(clock: Clock, events: LedgerEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** A name for the next fault: `f1`, `f2` ... Never given twice. */
  nextId(): string {
    this.#faults += 1;
    return `f${this.#faults}`;
  }

  /** Goes on numbering after a fault of an earlier supervisor. */
  continueAfter(id: string): void {
    this.#faults = Math.max(this.#faults, Number(/^f(\d+)$/.exec(id)?.[1] ?? 0));
  }

  /** The faults in effect, in the order they were made. */
  get faults(): readonly LedgerFault[] {
    return [...this.#entries.values()].map((e) => e.fault);
  }

  /** Takes in a fault that took effect. One whose session has ended meanwhile, or whose time is over, is healed at once. */
  add(fault: LedgerFault, parts: readonly LedgerPart[]): void {
    const entry: Entry = { fault, parts, cancel: () => {}, healing: undefined };
    this.#entries.set(fault.id, entry);
    if (fault.outside) return;
    if (fault.session !== '' && !this.#sessions.has(fault.session)) this.#healSoon(entry, 0, 'its session has ended');
    else if (fault.healsAtNs !== undefined) this.#healAt(entry, fault.healsAtNs);
  }

  /**
   * Faults by id or target. Fails with a LabError when one of `which` names none; without any, all are meant.
   * @param session only those of this session; empty: all
   */
  select(which: readonly string[], session = ''): readonly LedgerFault[] {
    const all = this.faults.filter((f) => session === '' || f.session === session);
    if (which.length === 0) return all;
    for (const word of which)
      if (!all.some((f) => names(f, word)))
        throw badInput(
          `No fault "${word}" is in effect: ${all.length === 0 ? 'none is' : `these are: ${all.map((f) => `${f.id} (${f.verb} ${f.targets.join(',')})`).join(', ')}`}`,
        );
    return all.filter((f) => which.some((word) => names(f, word)));
  }

  /** Undoes faults, the latest first. Those that are gone already, or Docker's, are passed over. Rejects when one cannot be undone; it stays. */
  async heal(ids: readonly string[], cause: string): Promise<HealedFault[]> {
    const healed: HealedFault[] = [];
    const failures: unknown[] = [];
    for (const id of ids.toReversed()) {
      const entry = this.#entries.get(id);
      if (!entry || entry.fault.outside) continue;
      try {
        healed.push(await this.#heal(entry, cause));
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return healed;
  }

  /**
   * Forgets what something else has set right: targets of faults of `verbs` for which `is` holds.
   * @returns ids of the faults that had them
   */
  settle(verbs: readonly string[], is: (target: string) => boolean): readonly string[] {
    const ids: string[] = [];
    for (const entry of this.#entries.values()) {
      if (!verbs.includes(entry.fault.verb) || !entry.parts.some((p) => is(p.target))) continue;
      ids.push(entry.fault.id);
      this.#keep(
        entry,
        entry.parts.filter((p) => !is(p.target)),
      );
    }
    return ids;
  }

  /** Makes faults again on a host that is back, one after another in the order they were made. */
  async again(host: string): Promise<void> {
    for (const { fault, parts } of [...this.#entries.values()])
      for (const part of parts)
        try {
          await part.again?.(host);
        } catch (error) {
          this.#events.failed(fault, error);
        }
  }

  /** A new session. */
  openSession(): string {
    this.#lastSession += 1;
    const id = `s${this.#lastSession}`;
    this.#sessions.add(id);
    return id;
  }

  isOpen(session: string): boolean {
    return this.#sessions.has(session);
  }

  /** Ends a session; its faults are healed, the latest first, until that succeeds. Resolves when each was tried once. */
  async endSession(session: string, cause: string): Promise<void> {
    this.#sessions.delete(session);
    for (const { id } of this.select([], session).toReversed()) {
      const entry = this.#entries.get(id);
      if (entry && !entry.fault.outside) await this.#healOrRetry(entry, cause);
    }
  }

  /** Not before: a timer may come a moment early. */
  #healAt(entry: Entry, atNs: bigint): void {
    const leftMs = Number(atNs - this.#clock.nowNs()) / 1e6;
    if (leftMs <= 0) this.#healSoon(entry, 0, 'its duration is over');
    else entry.cancel = this.#clock.after(Math.ceil(leftMs), () => this.#healAt(entry, atNs));
  }

  #healSoon(entry: Entry, ms: number, cause: string): void {
    entry.cancel();
    entry.cancel = this.#clock.after(ms, () => void this.#healOrRetry(entry, cause));
  }

  async #healOrRetry(entry: Entry, cause: string): Promise<void> {
    try {
      await this.#heal(entry, cause);
    } catch {
      if (this.#entries.get(entry.fault.id) === entry) this.#healSoon(entry, RETRY_MS, cause);
    }
  }

  #heal(entry: Entry, cause: string): Promise<HealedFault> {
    entry.healing ??= this.#undo(entry, cause).finally(() => {
      entry.healing = undefined;
    });
    return entry.healing;
  }

  async #undo(entry: Entry, cause: string): Promise<HealedFault> {
    const whole = entry.fault;
    let last = this.#clock.nowNs();
    for (const part of entry.parts.toReversed()) {
      if (!entry.parts.includes(part)) continue;
      try {
        last = await part.heal();
      } catch (error) {
        this.#events.failed(entry.fault, error);
        throw error;
      }
      if (!entry.parts.includes(part)) continue;
      this.#keep(
        entry,
        entry.parts.filter((p) => p !== part),
      );
      this.#events.healed(whole, { target: part.target, atNs: last }, cause);
    }
    return { fault: whole, atNs: last };
  }

  /** What is left of a fault; nothing: it is over. */
  #keep(entry: Entry, parts: readonly LedgerPart[]): void {
    entry.parts = parts;
    entry.fault = { ...entry.fault, targets: parts.map((p) => p.target) };
    if (parts.length > 0) return;
    entry.cancel();
    this.#entries.delete(entry.fault.id);
  }
}

function names(fault: LedgerFault, word: string): boolean {
  return fault.id === word || fault.targets.includes(word) || fault.verb === word;
}
