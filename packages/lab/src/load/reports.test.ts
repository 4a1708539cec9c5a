import { describe, expect, it } from 'vitest';
import { LATENESS_BOUND_MS, LatenessRecorder } from './lateness.ts';
import { PointLines, pointTime } from './points.ts';
import { ProgressMeter, parseProgress, progressText } from './progress.ts';
import { inconclusiveReasons, loadExit } from './result.ts';

describe('pointTime', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000000Z'],
    [1_700_000_000_123.25, '2023-11-14T22:13:20.123250Z'],
    [1_700_000_000_999.5, '2023-11-14T22:13:20.999500Z'],
  ])('%d is %s', (ms, text) => {
    expect(pointTime(ms)).toBe(text);
  });
});

describe('PointLines', () => {
  it('declares a metric once and gives each sample its own tags', () => {
    const lines = new PointLines(() => 1000);
    const first = lines.add('http_reqs', 'counter', 'default', 1, { a: 'x "y"' });
    const second = lines.add('http_reqs', 'counter', 'default', 2, { a: 'z' });
    expect(
      `${first}${second}`
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        type: 'Metric',
        data: { name: 'http_reqs', type: 'counter', contains: 'default', thresholds: [], submetrics: null },
        metric: 'http_reqs',
      },
      {
        metric: 'http_reqs',
        type: 'Point',
        data: { time: '1970-01-01T00:00:01.000000Z', value: 1, tags: { a: 'x "y"' } },
      },
      { metric: 'http_reqs', type: 'Point', data: { time: '1970-01-01T00:00:01.000000Z', value: 2, tags: { a: 'z' } } },
    ]);
  });
});

describe('LatenessRecorder', () => {
  it('tells the whole run, and what came since it was asked', () => {
    const lateness = new LatenessRecorder();
    expect(lateness.all()).toEqual({ p50: 0, p99: 0, max: 0 });
    for (let ms = 0; ms <= 100; ms++) lateness.add(ms);
    expect(lateness.recentP99()).toBe(99);
    lateness.add(2);
    expect(lateness.recentP99()).toBe(2);
    expect(lateness.recentP99()).toBe(0);
    expect(lateness.all()).toMatchObject({ p50: 49.5, max: 100 });
  });
});

describe('progress', () => {
  const counts = { iterations: 3, requests: 30, failed: 6, dropped_iterations: 0, vus: 2, vus_max: 9 };
  it('makes rates of what came since the line before', () => {
    const meter = new ProgressMeter();
    const first = meter.line(1000, 3000, { ...counts, lateness_p99_ms: 1 });
    expect(first).toMatchObject({ at_ms: 1000, left_ms: 2000, requests_per_s: 30, errors_per_s: 6, requests: 30 });
    const second = meter.line(3000, 3000, { ...counts, requests: 70, failed: 6, lateness_p99_ms: 1 });
    expect(second).toMatchObject({ left_ms: 0, requests_per_s: 20, errors_per_s: 0 });
    expect(meter.line(4000, 3000, { ...counts, lateness_p99_ms: 1 }).left_ms).toBe(0);
  });
  it('is text for people, with what is wrong only when it is', () => {
    const meter = new ProgressMeter();
    const well = meter.line(1000, 3000, { ...counts, lateness_p99_ms: null });
    expect(progressText(well)).toBe('1 s: 30 requests/s, 6 errors/s, 3 iterations, 2 of 9 VUs busy, 2 s left');
    const ill = meter.line(2000, 3000, { ...counts, requests: 30, dropped_iterations: 4, lateness_p99_ms: 80 });
    expect(progressText(ill)).toContain('9 VUs busy, 4 dropped, late by 80 ms, 1 s left');
  });
  it('is read back from a line, and no other line is taken for it', () => {
    const line = new ProgressMeter().line(1000, 3000, { ...counts, lateness_p99_ms: 1 });
    expect(parseProgress(JSON.stringify(line))).toEqual(line);
    for (const other of ['', 'script says hello', '{"type":"progress"', '{"a":1}'])
      expect(parseProgress(other)).toBeUndefined();
  });
});

describe('how a load ends', () => {
  it.each([
    [0, 0, 0],
    [0, LATENESS_BOUND_MS, 0],
    [0, LATENESS_BOUND_MS + 0.1, 1],
    [0, null, 0],
    [1, 0, 1],
    [1, 999, 2],
  ])('%d dropped and %s ms late are %d reasons', (dropped_iterations, lateness_p99_ms, reasons) => {
    expect(inconclusiveReasons({ dropped_iterations, lateness_p99_ms })).toHaveLength(reasons);
  });
  it.each([
    [{ interrupted: false, inconclusive: [], failed: false }, 0],
    [{ interrupted: false, inconclusive: [], failed: true }, 1],
    [{ interrupted: false, inconclusive: ['late'], failed: true }, 3],
    [{ interrupted: false, inconclusive: ['late'], failed: false }, 3],
    [{ interrupted: true, inconclusive: ['late'], failed: true }, 130],
  ] as const)('%j is %d', (result, code) => {
    expect(loadExit(result)).toBe(code);
  });
});
