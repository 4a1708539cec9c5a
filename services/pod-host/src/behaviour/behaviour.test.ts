import { describe, expect, it } from 'vitest';
import { BehaviourError, parseBehaviour, resolveBehaviour } from './behaviour.ts';

describe('parseBehaviour()', () => {
  it.for([
    ['latency', '20ms', { latency: { min: 20, max: 20 } }],
    ['latency', '20ms-0.1s', { latency: { min: 20, max: 100 } }],
    ['error-rate', '0.25', { errorRate: 0.25 }],
    ['error-rate', '25%', { errorRate: 0.25 }],
    ['error-status', '503', { errorStatus: 503 }],
    ['connections', 'hang', { connections: 'hang' }],
    ['startup-delay', '3s', { startupDelay: 3000 }],
    ['health', 'unready', { health: 'unready' }],
    ['upstream-keepalive', 'true', { upstreamKeepAlive: true }],
    ['exit-code', '137', { exitCode: 137 }],
    ['upstream', 'http://api:8080/x', { upstream: new URL('http://api:8080/x') }],
  ] as const)('reads %s %s', ([key, text, want]) => {
    expect(parseBehaviour(key, text)).toEqual(want);
  });

  it.for([
    ['latency', 'soon'],
    ['latency', '80ms-20ms'],
    ['error-rate', '1.5'],
    ['error-rate', '150%'],
    ['error-status', '404'],
    ['connections', 'drop'],
    ['health', 'sick'],
    ['upstream', 'https://api'],
    ['upstream', 'api'],
    ['exit-code', '256'],
    ['upstream-keepalive', 'maybe'],
  ] as const)('refuses %s %s, naming both', ([key, text]) => {
    expect(() => parseBehaviour(key, text)).toThrow(new RegExp(`${key} does not take "${text.replace('.', '\\.')}"`));
  });

  it('names the keys for one it does not know', () => {
    expect(() => parseBehaviour('constructor', '1')).toThrow(BehaviourError);
    expect(() => parseBehaviour('colour', '1')).toThrow(/the keys are latency, error-rate/);
  });
});

describe('resolveBehaviour()', () => {
  it('lets run-time settings win over annotations over environment over knobs', () => {
    const annotations = { 'svclab.dev/latency': '10ms', 'svclab.dev/health': 'fail', other: 'x' };
    const env = { UPSTREAM_URL: 'http://api/' };
    const { behaviour, problems } = resolveBehaviour({
      startupDelay: 7,
      env,
      annotations,
      overrides: new Map([['latency', '30ms']]),
    });
    expect(problems).toEqual([]);
    expect(behaviour).toMatchObject({ startupDelay: 7, latency: { min: 30 }, health: 'fail' });
    expect(behaviour.upstream?.href).toBe('http://api/');
  });

  it('lists an annotation it cannot read and goes on', () => {
    const annotations = { 'svclab.dev/latency': 'x', 'svclab.dev/error-rate': '1' };
    const { behaviour, problems } = resolveBehaviour({ startupDelay: 0, env: {}, annotations, overrides: new Map() });
    expect(behaviour).toMatchObject({ latency: { min: 0 }, errorRate: 1 });
    expect(problems).toHaveLength(1);
  });
});
