import { describe, expect, it } from 'vitest';
import { spread } from './percentile.ts';
import { outageSentence, speakMs } from './sentence.ts';

describe('speakMs', () => {
  it.each([
    [0, '0 ms'],
    [0.52, '0.5 ms'],
    [132.4, '132 ms'],
    [999, '999 ms'],
    [5800, '5.8 s'],
    [59_949, '59.9 s'],
    [59_980, '1 min 0 s'],
    [125_000, '2 min 5 s'],
  ])('%d is %s', (ms, text) => {
    expect(speakMs(ms)).toBe(text);
  });
});

describe('outageSentence', () => {
  const base = {
    darkMs: 132,
    lost: { new: 31, reused: 12 },
    phases: { detection: 118, election: 1, announcement: 2, first_success: 11 },
    endpointsRemovedMs: { 'node-1': 640, 'node-3': 652 },
  };
  it('names the dark time, the losses, the main phase with its knob, and the endpoints', () => {
    expect(outageSentence(base)).toBe(
      'The VIP was dark for 132 ms; 31 requests lost on new connections, 12 on reused ones; 118 ms of it was failure detection, so lower ' +
        "membership.probeInterval; the dead node's endpoints left every node's rules after 652 ms.",
    );
  });
  it('gives no advice where there is no knob', () => {
    expect(
      outageSentence({ ...base, phases: { detection: 10, election: 1, announcement: 2, first_success: 119 } }),
    ).toContain('119 ms of it was the wait for the first answered request;');
  });
  it('prices the endpoints that stayed', () => {
    expect(outageSentence({ ...base, lostShareUntilRemoved: 0.333 })).toContain(
      'after 652 ms and cost 33 % of new connections until then.',
    );
  });
  it('does not invent an outage', () => {
    expect(outageSentence({ ...base, darkMs: 0, lost: { new: 0, reused: 2 }, endpointsRemovedMs: {} })).toBe(
      "The VIP was not dark: no request was lost on new connections, 2 on reused ones; the dead node's endpoints had not left the rules when the measurement ended.",
    );
  });
});

describe('spread', () => {
  it('uses measured values only', () => {
    expect(spread([5, 1, 4, 2, 3])).toEqual({ n: 5, min: 1, p50: 3, p95: 5, p99: 5, max: 5 });
    expect(spread([])).toEqual({ n: 0, min: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });
});
