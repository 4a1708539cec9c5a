/**
 * Samples as k6 writes them with `--out json=FILE`: one JSON object a line, `Metric` once before a metric's first sample, then `Point`
 * (grafana.com/docs/k6, "JSON" under "Real-time"). Reports so read the requests of either engine in one way.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Contains, MetricType, Tags } from './metrics.ts';

/** Lines are handed to the file in pieces of about this many characters. */
const PIECE = 1 << 16;

/** RFC 3339 with microseconds, which is what the clock is good for. */
export function pointTime(wallMs: number): string {
  const whole = Math.floor(wallMs);
  const micros = Math.min(999, Math.floor((wallMs - whole) * 1000));
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** Makes the lines. */
export class PointLines {
  readonly #wall: () => number;
  readonly #declared = new Set<string>();
  #tags: Tags | undefined;
  #tagsText = '';

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  /** The lines of one sample. Samples of one request share one object of tags, so its text is made once. */
  add(name: string, type: MetricType, contains: Contains, value: number, tags: Tags): string {
    if (tags !== this.#tags) {
      this.#tags = tags;
      this.#tagsText = JSON.stringify(tags);
    }
    const point = `{"metric":"${name}","type":"Point","data":{"time":"${pointTime(this.#wall())}","value":${value},"tags":${this.#tagsText}}}\n`;
    if (this.#declared.has(name)) return point;
    this.#declared.add(name);
    const data = { name, type, contains, thresholds: [], submetrics: null };
    return `${JSON.stringify({ type: 'Metric', data, metric: name })}\n${point}`;
  }
}

/** Writes samples to a file. */
export class PointFile {
  readonly #lines: PointLines;
  readonly #file: WriteStream;
  #pending = '';
  #failure: Error | undefined;

  constructor(path: string, wall: () => number) {
    this.#lines = new PointLines(wall);
    this.#file = createWriteStream(path);
    this.#file.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** Takes a sample. */
  readonly add = (name: string, type: MetricType, contains: Contains, value: number, tags: Tags): void => {
    this.#pending += this.#lines.add(name, type, contains, value, tags);
    if (this.#pending.length >= PIECE) this.flush();
  };

  /** Hands what is pending to the file. */
  flush(): void {
    if (this.#pending === '') return;
    this.#file.write(this.#pending);
    this.#pending = '';
  }

  /** Resolves when all is in the file; rejects when it could not be written. */
  async close(): Promise<void> {
    this.flush();
    await new Promise<void>((resolve) => {
      if (this.#failure) resolve();
      else this.#file.end(resolve).once('error', () => resolve());
    });
    if (this.#failure) throw this.#failure;
  }
}
