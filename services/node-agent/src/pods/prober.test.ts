import { type Container, ContainerProber, type HealthProbeKind, type ProbeOutcome, probeTimers } from '@svclab/core';
import { fakeClock } from '@svclab/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const probers: ContainerProber[] = [];
afterEach(() => {
  for (const prober of probers.splice(0)) prober.stop();
});

/** A prober under virtual time; `answers` says how each kind of probe ends now. */
function setup(container: Partial<Container>, options: { startedMs?: number; wasReady?: boolean } = {}) {
  const clock = fakeClock({ startMs: 1_000_000 });
  const answers: Record<HealthProbeKind, boolean> = { startup: true, readiness: true, liveness: true };
  const log: string[] = [];
  const seconds = (): number => (clock.now() - 1_000_000) / 1000;
  const prober = new ContainerProber({
    clock,
    container: { name: 'app', ...container },
    startedMs: options.startedMs ?? clock.now(),
    ...(options.wasReady ? { wasReady: true } : {}),
    async attempt(kind): Promise<ProbeOutcome> {
      log.push(`${seconds()} ${kind} ${answers[kind] ? 'ok' : 'fails'}`);
      return answers[kind] ? { ok: true } : { ok: false, message: 'no' };
    },
    onChange: () => log.push(`${seconds()} started=${prober.started} ready=${prober.ready}`),
    onUnhealthy: (kind, message) => log.push(`${seconds()} unhealthy ${kind}: ${message}`),
    onDead: (kind) => log.push(`${seconds()} dead by ${kind}`),
  });
  probers.push(prober);
  return { clock, answers, log, prober };
}

const handler = { tcpSocket: { port: 80 } };

describe('ContainerProber', () => {
  it('is ready at once without probes', () => {
    const { prober, clock } = setup({});
    prober.start();
    expect([prober.started, prober.ready, clock.pending]).toEqual([true, true, 0]);
  });

  it('becomes ready with the first success and unready with the third failure in a row', async () => {
    const { prober, clock, answers, log } = setup({ readinessProbe: { ...handler, periodSeconds: 2 } });
    prober.start();
    await clock.advanceAsync(0);
    expect(log).toEqual(['0 readiness ok', '0 started=true ready=true']);
    answers.readiness = false;
    await clock.advanceAsync(4_000);
    answers.readiness = true;
    await clock.advanceAsync(2_000);
    answers.readiness = false;
    await clock.advanceAsync(6_000);
    expect(log.at(-1)).toBe('12 started=true ready=false');
    expect(log.filter((line) => line.includes('ready='))).toHaveLength(2);
  });

  it('needs as many successes as the threshold says', async () => {
    const { prober, clock } = setup({ readinessProbe: { ...handler, periodSeconds: 1, successThreshold: 3 } });
    prober.start();
    await clock.advanceAsync(1_999);
    expect(prober.ready).toBe(false);
    await clock.advanceAsync(1);
    expect(prober.ready).toBe(true);
  });

  it('makes no attempt before the initial delay, and then keeps to the ticks of the period', async () => {
    const { prober, clock, log } = setup({ readinessProbe: { ...handler, initialDelaySeconds: 5, periodSeconds: 3 } });
    prober.start();
    await clock.advanceAsync(12_000);
    expect(log.filter((line) => line.includes('readiness'))).toEqual([
      '6 readiness ok',
      '9 readiness ok',
      '12 readiness ok',
    ]);
  });

  it('counts the initial delay from the start of the container, not of the agent', async () => {
    const { prober, clock, log } = setup(
      { readinessProbe: { ...handler, initialDelaySeconds: 5 } },
      { startedMs: 1_000_000 - 60_000 },
    );
    prober.start();
    await clock.advanceAsync(0);
    expect(log[0]).toBe('0 readiness ok');
  });

  it('gives a container up after the last liveness failure and makes no more probes', async () => {
    const { prober, clock, answers, log } = setup({
      livenessProbe: { ...handler, periodSeconds: 1, failureThreshold: 2 },
      readinessProbe: { ...handler, periodSeconds: 1 },
    });
    answers.liveness = false;
    prober.start();
    await clock.advanceAsync(10_000);
    expect(log.filter((line) => line.includes('dead'))).toEqual(['1 dead by liveness']);
    expect(log.filter((line) => line.startsWith('1 unhealthy'))).toEqual(['1 unhealthy liveness: no']);
    expect([prober.ready, clock.pending]).toEqual([false, 0]);
  });

  it('holds the other probes back until the startup probe has passed', async () => {
    const { prober, clock, answers, log } = setup({
      startupProbe: { ...handler, periodSeconds: 1, failureThreshold: 30 },
      livenessProbe: { ...handler, periodSeconds: 1, failureThreshold: 1 },
      readinessProbe: { ...handler, periodSeconds: 10 },
    });
    answers.startup = false;
    prober.start();
    await clock.advanceAsync(4_500);
    expect(log.some((line) => /liveness|readiness/.test(line))).toBe(false);
    answers.startup = true;
    await clock.advanceAsync(500);
    expect(log.slice(-5)).toEqual([
      '5 startup ok',
      '5 started=true ready=false',
      '5 readiness ok',
      '5 liveness ok',
      '5 started=true ready=true',
    ]);
    await clock.advanceAsync(3_000);
    expect(log.filter((line) => line.includes('startup ok'))).toHaveLength(1);
  });

  it('gives up a container whose startup probe never passes', async () => {
    const { prober, clock, answers, log } = setup({
      startupProbe: { ...handler, periodSeconds: 1, failureThreshold: 3 },
    });
    answers.startup = false;
    prober.start();
    await clock.advanceAsync(5_000);
    expect(log.at(-1)).toBe('2 dead by startup');
  });

  it('goes on from the readiness an earlier agent saw', async () => {
    const { prober, clock, answers } = setup({ readinessProbe: { ...handler, periodSeconds: 1 } }, { wasReady: true });
    answers.readiness = false;
    prober.start();
    await clock.advanceAsync(1_000);
    expect(prober.ready).toBe(true);
    await clock.advanceAsync(1_000);
    expect(prober.ready).toBe(false);
  });

  it('fills in the defaults of the API', () => {
    expect(probeTimers({})).toEqual({
      initialDelayMs: 0,
      periodMs: 10_000,
      timeoutMs: 1_000,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });
});
