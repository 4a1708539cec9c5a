/** k6's samples while they are written: what the built-in host says of itself, counted for k6. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type LoadProgress, ProgressMeter } from '../load/progress.ts';
import { measuringClock } from '../prober/clock.ts';

/** Adds a line of `--out json` to sums by metric; gauges and the like are summed as well, which only counts are read for. */
export function addPoint(sums: Record<string, number>, line: string): void {
  const point = JSON.parse(line) as { type?: string; metric?: string; data?: { value?: number } };
  if (point.type === 'Point' && point.metric !== undefined)
    sums[point.metric] = (sums[point.metric] ?? 0) + (point.data?.value ?? 0);
}

/** Last values of gauges, of a line of `--out json`. */
function lastGauge(gauges: Record<string, number>, line: string): void {
  const match = /"metric":"(vus|vus_max)"/.exec(line);
  const value = /"value":([\d.]+)/.exec(line);
  if (match?.[1] && value?.[1] && line.includes('"type":"Point"')) gauges[match[1]] = Number(value[1]);
}

/**
 * Reads once a second what k6 has added to its file of samples, and tells how far it is; `left_ms` is not known from samples and 0. Returns
 * what ends it.
 */
export function followSamples(path: string, onProgress: (progress: LoadProgress) => void): () => void {
  const startMs = measuringClock.now();
  const meter = new ProgressMeter();
  const sums: Record<string, number> = {};
  const gauges: Record<string, number> = {};
  const buffer = Buffer.alloc(1 << 20);
  let offset = 0;
  let rest = '';
  const read = (): void => {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      // k6 has not made it yet.
      return;
    }
    for (let n = -1; n !== 0; offset += n) {
      n = readSync(file, buffer, 0, buffer.length, offset);
      const lines = (rest + buffer.toString('utf8', 0, n)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        addPoint(sums, line);
        lastGauge(gauges, line);
      }
    }
    closeSync(file);
    onProgress(
      meter.line(measuringClock.now() - startMs, 0, {
        iterations: sums.iterations ?? 0,
        requests: sums.http_reqs ?? 0,
        failed: sums.http_req_failed ?? 0,
        dropped_iterations: sums.dropped_iterations ?? 0,
        vus: gauges.vus ?? 0,
        vus_max: gauges.vus_max ?? 0,
        lateness_p99_ms: null,
      }),
    );
  };
  return measuringClock.every(1000, read);
}
