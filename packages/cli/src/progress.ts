/** Telling what goes on: one line that is rewritten on a terminal, plain lines elsewhere. */

/** What a run says each second. */
interface Live {
  probe: string;
  load: string;
}

/** Off a terminal a live line comes this often, s. */
const PLAIN_EVERY_S = 10;

/** Progress on stderr. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #now: () => number;
  #live: Live = { probe: '', load: '' };
  #run = '';
  #startedMs = 0;
  #plannedMs = 0;
  #drawn = false;
  #plainAtS = 0;

  constructor(out: NodeJS.WriteStream, nowMs: () => number) {
    this.#out = out;
    this.#now = nowMs;
  }

  /** A line that stays. */
  say = (line: string): void => {
    this.#clear();
    this.#out.write(`${line}\n`);
    this.#draw();
  };

  /** A run begins. */
  onRun = (run: number, of: number, plannedMs: number): void => {
    this.#run = of > 1 ? `run ${run} of ${of}, ` : '';
    this.#startedMs = this.#now();
    this.#plannedMs = plannedMs;
    this.#plainAtS = PLAIN_EVERY_S;
    this.#live = { probe: '', load: '' };
  };

  /** What the prober or the load says. */
  live = (source: 'probe' | 'load', line: string): void => {
    this.#live[source] = line;
    if (source !== 'probe') return;
    if (this.#out.isTTY) {
      this.#clear();
      this.#draw();
      return;
    }
    const elapsedS = (this.#now() - this.#startedMs) / 1000;
    if (elapsedS < this.#plainAtS) return;
    this.#plainAtS += PLAIN_EVERY_S;
    this.#out.write(`  ${this.#text()}\n`);
  };

  /** Takes the live line away. */
  end(): void {
    this.#clear();
    this.#plannedMs = 0;
  }

  #text(): string {
    const elapsedS = (this.#now() - this.#startedMs) / 1000;
    const leftS = Math.max(0, this.#plannedMs / 1000 - elapsedS);
    const load = this.#live.load === '' ? '' : `; load ${this.#live.load}`;
    return `${this.#run}${elapsedS.toFixed(0)} s, about ${leftS.toFixed(0)} s left; prober ${this.#live.probe.replace(/^\d+ s: /, '')}${load}`;
  }

  #draw(): void {
    if (!this.#out.isTTY || this.#plannedMs === 0 || this.#live.probe === '') return;
    this.#out.write(this.#text().slice(0, Math.max(20, (this.#out.columns ?? 80) - 1)));
    this.#drawn = true;
  }

  #clear(): void {
    if (!this.#drawn) return;
    this.#out.write('\r\u001b[K');
    this.#drawn = false;
  }
}
