import { readSync, writeSync } from 'node:fs';
import type { Clock } from '@svclab/core';
import {
  type FrameSink,
  type FrameSource,
  openFrameSink,
  openFrameSource,
  seededRandom,
  waitReadable,
} from '@svclab/runtime';
import { DelayLine } from './delay-line.ts';
import { RELAY_OPEN, RELAY_READY, type RelayCounts, type RelayOptions } from './options.ts';

const STDIN = 0;
const STDOUT = 1;
/** Frames fetched from one way before the others get their turn. */
const TURN = 256;
/** How many of the latest frames the lateness is told of. */
const LATE_SAMPLES = 4096;

interface Way {
  readonly source: FrameSource;
  readonly sink: FrameSink;
  readonly line: DelayLine;
}

/**
 * Holds frames and passes them on until stdin ends. One loop that blocks on the kernel: nothing else runs in this process, so a frame waits
 * for nothing but its time. The word `open` on stdin lets go of all that is held and holds nothing from then on.
 */
export class Relay {
  readonly #ways: readonly Way[];
  readonly #clock: Clock;
  readonly #late: number[] = [];
  #passed = 0;
  #lost = 0;

  /** Opens its interfaces. Fails with a SyscallError when there is none of a name. */
  constructor(options: RelayOptions, clock: Clock) {
    const { delayMs, jitterMs, lines, mark, reorder, seed } = options;
    this.#clock = clock;
    this.#ways = lines.map(({ port, tap }, i) => ({
      source: openFrameSource(tap),
      sink: openFrameSink(port, mark),
      line: new DelayLine({ delayMs, jitterMs, reorder, random: seededRandom(seed + i) }),
    }));
  }

  run(): void {
    const fds = [STDIN, ...this.#ways.map((w) => w.source.fd)];
    writeSync(STDOUT, `${RELAY_READY}\n`);
    for (let told = true; told; ) {
      const next = Math.min(...this.#ways.map((w) => w.line.next ?? Infinity));
      const readable = waitReadable(fds, next === Infinity ? undefined : Math.max(0, next - this.#clock.now()));
      this.#ways.forEach((way, i) => {
        if (readable[i + 1]) this.#fetch(way);
      });
      this.#passOn();
      if (readable[0]) told = this.#listen();
    }
    this.#open();
    writeSync(STDOUT, `${JSON.stringify(this.counts)}\n`);
  }

  get counts(): RelayCounts {
    const late = this.#late.filter((ms) => ms !== undefined).sort((a, b) => a - b);
    const at = (share: number): number => Number((late[Math.floor(share * (late.length - 1))] ?? 0).toFixed(3));
    const dropped = this.#ways.reduce((sum, w) => sum + w.source.drops(), 0);
    return { passed: this.#passed, lost: this.#lost + dropped, late: [at(0.5), at(0.95), at(1)] };
  }

  #fetch({ source, line }: Way): void {
    for (let n = 0; n < TURN; n++) {
      const frame = source.receive();
      if (!frame) return;
      if (!line.push(frame, this.#clock.now())) this.#lost += 1;
    }
  }

  #passOn(): void {
    for (const { line, sink } of this.#ways) {
      for (let due = line.next; due !== undefined; due = line.next) {
        const now = this.#clock.now();
        const frame = line.shift(now);
        if (!frame) break;
        if (sink.send(frame)) this.#passed += 1;
        else this.#lost += 1;
        this.#late[(this.#passed + this.#lost) % LATE_SAMPLES] = now - due;
      }
    }
  }

  /** Reads what it is told; false when there is nothing more to come. */
  #listen(): boolean {
    const said = Buffer.alloc(64);
    const size = readSync(STDIN, said);
    if (size === 0) return false;
    this.#open();
    writeSync(STDOUT, `${RELAY_OPEN}\n`);
    return true;
  }

  #open(): void {
    for (const way of this.#ways) {
      this.#fetch(way);
      way.line.open(this.#clock.now());
    }
    this.#passOn();
  }
}
