import { describe, expect, it } from 'vitest';
import { resolveKnobs } from '../lab/knobs.ts';
import { detectionBound, knobText, phaseBounds } from './phase-bounds.ts';

const realistic = resolveKnobs('realistic');
const fast = resolveKnobs('fast');

describe('detectionBound', () => {
  it.each([
    ['MetalLB with 3 nodes: 5 to 6 s', realistic, 3, { minMs: 5000, maxMs: 6000, suspicionMs: 4000, confirmations: 0 }],
    ['4 nodes need confirmations', realistic, 4, { minMs: 5000, maxMs: 6000, suspicionMs: 4000, confirmations: 2 }],
    ['20 nodes: log10 counts', realistic, 20, { minMs: 6204, maxMs: 7204, suspicionMs: 5204, confirmations: 2 }],
    ['fast, 3 nodes', fast, 3, { minMs: 112, maxMs: 140, suspicionMs: 84, confirmations: 1 }],
    [
      'probes of 200 ms',
      resolveKnobs('realistic', { 'membership.probeInterval': '200ms' }),
      3,
      { minMs: 1000, maxMs: 1200, suspicionMs: 800, confirmations: 0 },
    ],
  ])('%s', (_name, knobs, nodes, expected) => {
    const { minMs, maxMs, suspicionMs, confirmations } = detectionBound(knobs, nodes);
    expect({
      minMs: Math.round(minMs),
      maxMs: Math.round(maxMs),
      suspicionMs: Math.round(suspicionMs),
      confirmations,
    }).toEqual(expected);
  });
});

describe('phaseBounds', () => {
  const of = (phase: string, ms: number, knobs = realistic, nodes = 3) => phaseBounds({ [phase]: ms }, knobs, nodes)[0];
  it('names the knob of detection, its value, the timers and what another would save', () => {
    expect(of('detection', 5600)).toEqual({
      phase: 'detection',
      ms: 5600,
      knob: 'membership.probeInterval',
      knob_value: '1s',
      bound:
        'up to 1.0 s until the next probe, 1.0 s for it to fail, then suspicion of 4 x max(1, log10 3) x probeInterval = 4.0 s: 5.0 s to 6.0 s',
      saves: '200ms instead of 1s (with membership.probeTimeout=100ms) saves about 4.5 s',
    });
  });
  it('says what confirmations do in a larger cluster', () => {
    expect(of('detection', 5600, realistic, 5)?.bound).toContain(
      'once 2 others confirm it (up to 6 times as long without)',
    );
  });
  it('advises nothing below what is safe', () => {
    expect(of('detection', 130, fast)).toMatchObject({ knob_value: '28ms', saves: '' });
  });
  it.each(['election', 'announcement'])('%s has no timer', (phase) => {
    expect(of(phase, 1)).toMatchObject({ knob: '', knob_value: '', saves: '' });
    expect(of(phase, 1)?.bound).toMatch(/^no timer: /);
  });
  it("names the gratuitous round for the first success, and no saving: ARP locktime is the client's", () => {
    expect(of('first_success', 9)).toMatchObject({ knob: 'announcer.garpInterval', knob_value: '1.1s', saves: '' });
  });
  it('bounds the endpoints by the grace period', () => {
    expect(of('endpoints_removed', 46_000)).toEqual({
      phase: 'endpoints_removed',
      ms: 46_000,
      knob: 'node.monitorGracePeriod',
      knob_value: '50s',
      bound:
        "50.0 s after the node's last heartbeat, which is up to 10.0 s older than the fault, seen within 5.0 s, then up to 1.0 s for slices and rules: 40.0 s to 56.0 s",
      saves: '20s instead of 50s saves about 30.0 s',
    });
    expect(of('endpoints_removed', 1500, fast)?.saves).toBe('');
  });
  it('knows nothing of what no stamp explains', () => {
    expect(of('unattributed', 5)).toMatchObject({ knob: '', bound: 'no stamp says what it was' });
    expect(of('another', 5)).toMatchObject({ knob: '', bound: 'no stamp says what it was' });
  });
  it('gives nothing for no phases', () => {
    expect(phaseBounds({}, realistic, 3)).toEqual([]);
  });
});

describe('knobText', () => {
  it.each([
    [1000, '1s'],
    [1100, '1.1s'],
    [200, '200ms'],
    [28, '28ms'],
    [1234, '1234ms'],
    [50_000, '50s'],
  ])('%d is %s', (ms, text) => {
    expect(knobText(ms)).toBe(text);
  });
});
