import { OUTCOMES, type Outcome, type ProbeSample } from '@svclab/core';

/** Outcome numbers are 1 + index in OUTCOMES; 0 is "not known yet". */
const PENDING = 0;

/** Samples of one flow in columns, so that a long run allocates almost nothing per request. */
export class Recorder {
  readonly #intervalMs: number;
  #sent: Float64Array;
  #done: Float64Array;
  #outcome: Uint8Array;
  #backend: Uint16Array;
  #count = 0;
  #pending = 0;
  readonly #names: string[] = [''];
  readonly #nameIndex = new Map<string, number>([['', 0]]);

  constructor(intervalMs: number, capacity: number) {
    this.#intervalMs = intervalMs;
    this.#sent = new Float64Array(capacity);
    this.#done = new Float64Array(capacity);
    this.#outcome = new Uint8Array(capacity);
    this.#backend = new Uint16Array(capacity);
  }

  /** Requests sent. */
  get count(): number {
    return this.#count;
  }

  /** Requests whose fate is not known. */
  get pending(): number {
    return this.#pending;
  }

  /** Records that the next request, number `count`, was sent at `ms`. */
  sent(ms: number): void {
    if (this.#count === this.#sent.length) this.#grow();
    this.#sent[this.#count] = ms;
    this.#outcome[this.#count] = PENDING;
    this.#count++;
    this.#pending++;
  }

  /** Records how request `seq` ended. Only the first word counts. */
  done(seq: number, ms: number, outcome: Outcome, backend = ''): void {
    if (this.#outcome[seq] !== PENDING) return;
    this.#pending--;
    this.#outcome[seq] = OUTCOMES.indexOf(outcome) + 1;
    this.#done[seq] = ms;
    this.#backend[seq] = this.#name(backend);
  }

  /** Whether request `seq` still waits. */
  isPending(seq: number): boolean {
    return this.#outcome[seq] === PENDING;
  }

  /** How many so far are known to be lost. */
  lost(): number {
    let n = 0;
    for (let i = 0; i < this.#count; i++) if ((this.#outcome[i] ?? 0) > 1) n++;
    return n;
  }

  /** All samples whose fate is known, in order. */
  samples(): ProbeSample[] {
    const result: ProbeSample[] = [];
    for (let seq = 0; seq < this.#count; seq++) {
      const code = this.#outcome[seq] ?? PENDING;
      const outcome = OUTCOMES[code - 1];
      if (!outcome) continue;
      result.push({
        seq,
        scheduledMs: seq * this.#intervalMs,
        sentMs: this.#sent[seq] ?? 0,
        doneMs: this.#done[seq] ?? 0,
        outcome,
        backend: this.#names[this.#backend[seq] ?? 0] ?? '',
      });
    }
    return result;
  }

  #name(name: string): number {
    const known = this.#nameIndex.get(name);
    if (known !== undefined) return known;
    if (this.#names.length === 65_535) return 0;
    this.#nameIndex.set(name, this.#names.length);
    return this.#names.push(name) - 1;
  }

  #grow(): void {
    const size = Math.max(1024, this.#sent.length * 2);
    const sent = new Float64Array(size);
    const done = new Float64Array(size);
    const outcome = new Uint8Array(size);
    const backend = new Uint16Array(size);
    sent.set(this.#sent);
    done.set(this.#done);
    outcome.set(this.#outcome);
    backend.set(this.#backend);
    this.#sent = sent;
    this.#done = done;
    this.#outcome = outcome;
    this.#backend = backend;
  }
}
