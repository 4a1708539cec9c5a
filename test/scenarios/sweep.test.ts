/** svclab sweep from outside. What takes a lab for each value runs with SVCLAB_NIGHTLY=1. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { svclab, uniqueName } from '../e2e/lab.ts';

const SCENARIO = new URL('../../loadtest/scenarios/vip-failover.yaml', import.meta.url).pathname;
const KNOB = 'membership.probeInterval';
const dir = mkdtempSync(join(tmpdir(), 'svclab-sweep-'));
const state = join(dir, 'state');
const nightly = process.env.SVCLAB_NIGHTLY === '1';

afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Figures {
  readonly new: { readonly p50: number; readonly p95: number };
}
interface Sweep {
  readonly sentence: string;
  readonly points: readonly {
    readonly label: string;
    readonly dark_ms: Figures | null;
    readonly phases_ms: Readonly<Record<string, { readonly p50: number }>>;
    readonly detection_bound_ms: readonly [number, number];
    readonly idle: {
      readonly seconds: number;
      readonly announcer_cpu: number;
      readonly lan_bytes_per_s: number;
    } | null;
    readonly report: string;
  }[];
}

describe('svclab sweep', () => {
  it('prints the grid without doing anything', async () => {
    const over = ['--over', `${KNOB}=50ms,1s`, '--over', 'membership.suspicionMult=2,4'];
    const { code, stdout } = await svclab(['sweep', SCENARIO, ...over, '--dry-run', '-o', 'json'], state);
    expect(code).toBe(0);
    const { points } = JSON.parse(stdout) as { points: { label: string; notes: string[] }[] };
    expect(points.map((p) => p.label)).toEqual([
      'probeInterval=50ms suspicionMult=2',
      'probeInterval=50ms suspicionMult=4',
      'probeInterval=1s suspicionMult=2',
      'probeInterval=1s suspicionMult=4',
    ]);
    expect(points[3]?.notes[0]).toMatch(/^What follows the first fault begins after 7s instead of 3s/);
    expect(existsSync(state)).toBe(false);
  });

  it.each([
    [[], /A sweep needs a knob and its values: give KNOB=VALUE,VALUE/],
    [['--over', 'membership.probe=1s'], /Unknown knob "membership\.probe": the knobs of membership are/],
    [['--over', `${KNOB}=1s,soon`], /Knob membership\.probeInterval does not take "soon": give a duration/],
    [['--over', `${KNOB}=1s`, '--over', `${KNOB}=2s`], /Knob membership\.probeInterval is swept twice/],
    [['--over', `${KNOB}=1s`, '--set', 'dns.ttl=long'], /Knob dns\.ttl does not take "long"/],
    [['--over', `${KNOB}=1s`, '--repeat', '0'], /Give 1 or more/],
  ])('refuses %j', async (flags, says) => {
    const { code, stdout, stderr } = await svclab(['sweep', SCENARIO, ...flags], state);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(existsSync(state)).toBe(false);
  });

  it.each(nightly ? [['50ms', '400ms']] : [])('measures what %s and %s make of a failover', async (short, long) => {
    const out = join(dir, 'out');
    const { code, stdout, stderr } = await svclab(
      [
        ...['sweep', SCENARIO, '--over', `${KNOB}=${short},${long}`, '--idle', '3s', '--repeat', '1'],
        ...['--name', uniqueName('sweep'), '--report', out, '-o', 'json'],
      ],
      state,
    );
    // A busy machine makes it inconclusive; it has been measured all the same.
    expect([0, 3], stderr).toContain(code);
    const { points, sentence } = JSON.parse(stdout) as Sweep;
    expect(points.map((p) => p.label)).toEqual([short, long]);
    for (const point of points) {
      // Nobody is found dead before suspicion has run out: two thirds of the shortest detection here.
      expect(point.dark_ms?.new.p50).toBeGreaterThan(point.detection_bound_ms[0] * 0.6);
      expect(point.idle?.seconds).toBeGreaterThanOrEqual(3);
      expect(point.idle?.announcer_cpu).toBeGreaterThan(0);
      expect(point.idle?.lan_bytes_per_s).toBeGreaterThan(0);
      expect(existsSync(join(out, point.report))).toBe(true);
    }
    expect(sentence).toMatch(/^membership\.probeInterval = |^Every value that was watched caused false failovers/);
    expect(readFileSync(join(out, 'sweep.html'), 'utf8')).toContain('data-points="8"');
    expect(readFileSync(join(out, 'sweep.md'), 'utf8')).toContain(`| ${short} |`);
    expect((await svclab(['status'], state)).code).toBe(2);
  });
});
