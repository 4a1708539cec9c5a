import { describe, expect, it } from 'vitest';
import { parseScenario } from '../scenario/scenario-file.ts';
import { pointScenario } from './point-scenario.ts';
import { sweepDryRun, sweepPlanText } from './sweep-plan.ts';

const scenario = (more: Record<string, unknown> = {}) =>
  parseScenario(
    {
      service: 'shop/frontend',
      lab: { nodes: 3, profile: 'fast', set: { 'dns.ttl': '1s' } },
      method: [
        { fault: 'kill', target: 'owner/shop/frontend' },
        { fault: 'restart', target: 'previous', after: '3s' },
      ],
      recovery: '2s',
      ...more,
    },
    '/s',
  );
const INTERVAL = 'membership.probeInterval';

describe('pointScenario', () => {
  it('puts the values on top of the file and leaves the rest', () => {
    const made = pointScenario(scenario(), { [INTERVAL]: '100ms' });
    expect(made.scenario.lab.set).toEqual({ 'dns.ttl': '1s', [INTERVAL]: '100ms' });
    expect(made.detectionMs).toEqual([400, 500]);
    expect(made.notes).toEqual([]);
    expect(made.scenario).toMatchObject({ durationMs: 8000, recoveryMs: 2000, faultPhaseMs: 100 });
  });

  it('keeps a random phase the file asks for', () => {
    expect(pointScenario(scenario({ faultPhase: '77ms' }), { [INTERVAL]: '1s' }).scenario.faultPhaseMs).toBe(77);
  });

  it('waits with what follows the fault until detection is over', () => {
    const made = pointScenario(scenario(), { [INTERVAL]: '1s' });
    // Suspicion of 3 s after up to 2 s, and 1 s for the rest.
    expect(made.scenario.method[1]?.afterMs).toBe(6000);
    expect(made.scenario.durationMs).toBe(11_000);
    expect(made.notes).toEqual([
      'What follows the first fault begins after 6s instead of 3s, so that detection is over by then',
    ]);
  });

  it('moves steps with a time of their own, each by the same', () => {
    const method = [
      { fault: 'kill', target: 'node/node-1', at: '3s' },
      { fault: 'restart', target: 'previous', at: '5s' },
      { wait: 'steady', at: '6s' },
    ];
    const made = pointScenario(scenario({ method }), { [INTERVAL]: '1s' });
    expect(made.scenario.method.map((s) => s.atMs)).toEqual([3000, 9000, 10_000]);
  });

  it('counts a wait for what it is', () => {
    const method = [{ fault: 'kill', target: 'node/node-1' }, { wait: '2s' }, { fault: 'restart', target: 'previous' }];
    expect(pointScenario(scenario({ method }), { [INTERVAL]: '100ms' }).notes).toEqual([]);
    expect(pointScenario(scenario({ method }), { [INTERVAL]: '1s' }).scenario.method[1]?.afterMs).toBe(4000);
  });

  it('measures longer where the fault is the last step', () => {
    const method = [{ fault: 'kill', target: 'node/node-1' }];
    const made = pointScenario(scenario({ method }), { [INTERVAL]: '1s' });
    expect(made.scenario).toMatchObject({ recoveryMs: 6000, durationMs: 9000 });
  });

  it('has nothing to wait for without a fault', () => {
    expect(pointScenario(scenario({ method: [] }), { [INTERVAL]: '1s' }).notes).toEqual([]);
  });

  it('says when the probe time-out leaves no time for others', () => {
    const { notes } = pointScenario(scenario(), { [INTERVAL]: '10ms' });
    expect(notes).toEqual([
      'membership.probeTimeout (14ms) is no shorter than membership.probeInterval (10ms): no time is left to ask other members',
    ]);
  });

  it('does the same to the cases', () => {
    const cases = [{ name: 'a', variables: { who: 'node/node-1' } }];
    const made = pointScenario(scenario({ variables: { who: 'node/node-2' }, cases }), { [INTERVAL]: '1s' });
    expect(made.scenario.cases.map((c) => c.scenario.lab.set[INTERVAL])).toEqual(['1s']);
    expect(made.scenario.cases[0]?.scenario.method[1]?.afterMs).toBe(6000);
  });
});

describe('the plan of a sweep', () => {
  const axes = [{ knobs: [INTERVAL], values: [['100ms'], ['1s']] }];
  it('says what each value takes', () => {
    const plan = sweepDryRun(scenario(), axes, { repeats: 2, idleMs: 20_000 });
    expect(plan.points.map((p) => [p.label, p.detection_bound_ms, p.run_ms])).toEqual([
      ['100ms', [400, 500], 8050],
      ['1s', [4000, 5000], 11_500],
    ]);
    expect(plan.about_ms).toBe(2 * 12_000 + 2 * 20_000 + 2 * (8050 + 11_500));
    const text = sweepPlanText(plan, (head, rows) => [head, ...rows].map((r) => r.join(' | ')).join('\n'));
    expect(text).toContain('Scenario: 2 labs, 2 runs each, then 20.0 s at rest; about 1 min 43 s in all');
    expect(text).toContain('1s | 4.0 s to 5.0 s | 11.5 s | What follows');
  });
});
