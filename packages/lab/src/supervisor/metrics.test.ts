import { recordedMetrics } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { planLab } from '../plan/plan.ts';
import { labMetrics, scrapeTargets } from './metrics.ts';

const lab = planLab({ name: 'lab', driver: 'docker', profile: 'fast', nodes: 1, set: {} });

describe('scrapeTargets', () => {
  it('names every process that serves metrics, by its component and its host', () => {
    expect(
      scrapeTargets(lab.hosts).map(({ targets, labels }) => `${labels.job} ${labels.instance} ${targets}`),
    ).toEqual([
      'controller controller-1 172.30.1.3:9101',
      'dns dns-1 172.30.1.4:9105',
      'dns dns-2 172.30.1.5:9105',
      'pod-host node-1 172.30.1.11:9103',
      'l2-announcer node-1 172.30.1.11:9104',
      'node-agent node-1 172.30.1.11:9102',
    ]);
  });
});

describe('planLab', () => {
  it.each([
    { driver: 'docker', metrics: undefined, expected: true },
    { driver: 'netns', metrics: undefined, expected: false },
    { driver: 'netns', metrics: true, expected: true },
    { driver: 'docker', metrics: false, expected: false },
  ] as const)('with $driver and metrics $metrics: $expected', ({ driver, metrics, expected }) => {
    const request = { name: 'lab', driver, profile: 'fast', nodes: 1, set: {} };
    expect(planLab({ ...request, ...(metrics === undefined ? {} : { metrics }) }).metrics).toBe(expected);
  });
});

describe('labMetrics', () => {
  it('tells of hosts, processes and the timeline', async () => {
    const { metrics, value } = recordedMetrics();
    const [, controller] = lab.hosts;
    if (!controller) throw new Error('no controller');
    labMetrics(metrics, {
      hosts: () => [{ spec: controller, up: false }],
      processes: async () => [{ component: 'controller', host: 'controller-1', ready: true, restarts: 2 }],
      events: () => new Map([['fault.effective', 4]]),
    });
    const process = { component: 'controller', host: 'controller-1' };
    expect(await value('svclab_host_up', { host: 'controller-1', role: 'controller' })).toBe(0);
    expect(await value('svclab_process_ready', process)).toBe(1);
    expect(await value('svclab_process_restarts_total', process)).toBe(2);
    expect(await value('svclab_timeline_events_total', { type: 'fault.effective' })).toBe(4);
  });
});
