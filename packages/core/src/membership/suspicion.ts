/** How long a member stays suspect. Source: hashicorp/memberlist `suspicion.go`, `util.go`; Lifeguard (arXiv 1707.00788). */

/** Shortest suspicion, ms: multiplier x max(1, log10 n) x probe interval. */
export function suspicionTimeout(mult: number, members: number, probeInterval: number): number {
  return mult * Math.max(1, Math.log10(Math.max(1, members))) * probeInterval;
}

/**
 * Suspicion with `confirmations` independent ones of the `expected`, ms: from `max` down to `min` on a logarithmic scale.
 * With none expected it is `min` from the start.
 */
export function remainingSuspicion(parts: {
  readonly confirmations: number;
  readonly expected: number;
  readonly min: number;
  readonly max: number;
}): number {
  if (parts.expected < 1) return parts.min;
  const fraction = Math.log(parts.confirmations + 1) / Math.log(parts.expected + 1);
  return Math.max(parts.min, parts.max - fraction * (parts.max - parts.min));
}

/** A running suspicion of one member. */
export class Suspicion {
  readonly startMs: number;
  readonly incarnation: number;
  readonly #confirmers: Set<string>;
  readonly #expected: number;
  readonly #min: number;
  readonly #max: number;
  #extendedBy = 0;

  constructor(options: {
    now: number;
    incarnation: number;
    from: string;
    /** Confirmations that shorten it: two fewer than the multiplier, none in a cluster too small to give them. */
    expected: number;
    min: number;
    max: number;
  }) {
    this.startMs = options.now;
    this.incarnation = options.incarnation;
    this.#confirmers = new Set([options.from]);
    this.#expected = options.expected;
    this.#min = options.min;
    this.#max = options.max;
  }

  /** When the member is to be declared dead. */
  get deadline(): number {
    const confirmations = Math.min(this.#expected, this.#confirmers.size - 1);
    return (
      this.startMs +
      this.#extendedBy +
      remainingSuspicion({ confirmations, expected: this.#expected, min: this.#min, max: this.#max })
    );
  }

  /** Counts another member's suspicion. True when it is new and still wanted, so worth telling others. */
  confirm(from: string): boolean {
    if (this.#confirmers.has(from) || this.#confirmers.size - 1 >= this.#expected) return false;
    this.#confirmers.add(from);
    return true;
  }

  /** Grants more time: this process itself stood still for `ms`. */
  extend(ms: number): void {
    this.#extendedBy += ms;
  }
}
