import { fakeClock, recordedMetrics } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from './queue.ts';
import { QueueMetrics } from './queue-metrics.ts';

describe('QueueMetrics', () => {
  it('follows keys through a queue', async () => {
    const { metrics, value } = recordedMetrics();
    const clock = fakeClock();
    const queues = new QueueMetrics(metrics, clock);
    let attempts = 0;
    const queue = new WorkQueue({
      clock,
      recorder: queues.recorder('test'),
      async handle() {
        attempts += 1;
        clock.advance(2000);
        if (attempts === 1) throw new Error('once');
        return undefined;
      },
    });
    queues.follow('test', queue);
    const name = { name: 'test' };
    queue.add('a');
    queue.add('a');
    expect(await value('workqueue_depth', name)).toBe(1);
    expect(await value('workqueue_adds_total', name)).toBe(1);
    clock.advance(1000);
    queue.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await value('workqueue_depth', name)).toBe(0);
    expect(await value('workqueue_queue_duration_seconds_sum', name)).toBe(1);
    expect(await value('workqueue_work_duration_seconds_sum', name)).toBe(2);
    expect(await value('workqueue_retries_total', name)).toBe(1);
    clock.advance(5);
    await new Promise((resolve) => setImmediate(resolve));
    expect(attempts).toBe(2);
    expect(await value('workqueue_adds_total', name)).toBe(2);
    expect(await value('workqueue_retries_total', name)).toBe(1);
    await queue.stop();
  });
});
