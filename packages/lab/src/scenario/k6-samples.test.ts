import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LoadProgress } from '../load/progress.ts';
import { followSamples } from './k6-samples.ts';

const dir = mkdtempSync(join(tmpdir(), 'svclab-samples-'));
afterAll(() => rmSync(dir, { recursive: true }));

const point = (metric: string, value: number) => `${JSON.stringify({ metric, type: 'Point', data: { value } })}\n`;

describe('followSamples', () => {
  it('tells what was added, also when a line is not whole yet', async () => {
    const path = join(dir, 'samples.jsonl');
    const lines: LoadProgress[] = [];
    let told = (): void => {};
    const next = () =>
      new Promise<void>((resolve) => {
        told = resolve;
      });
    const end = followSamples(path, (line) => {
      lines.push(line);
      told();
    });
    const half = point('http_reqs', 1);
    writeFileSync(path, point('http_reqs', 1) + point('http_req_failed', 1) + point('vus', 3) + half.slice(0, 20));
    await next();
    appendFileSync(path, half.slice(20) + point('iterations', 1));
    await next();
    end();
    expect(lines[0]).toMatchObject({ requests: 1, failed: 1, vus: 3, iterations: 0, lateness_p99_ms: null });
    expect(lines[1]).toMatchObject({ requests: 2, failed: 1, vus: 3, iterations: 1, errors_per_s: 0 });
  });
});
