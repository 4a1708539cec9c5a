/** The work queues' metrics, with client-go's names and buckets. Source: k8s.io/component-base `metrics/prometheus/workqueue`. */
import type { Clock } from '@svclab/core';
import { exponentialBuckets, type Metrics, type Sample } from '@svclab/runtime';
import type { QueueRecorder, WorkQueue } from './queue.ts';

const SECONDS = exponentialBuckets(1e-8, 10, 12);

/** The metrics of all queues, and the recorders that fill them. */
export class QueueMetrics {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #queues = new Map<string, Pick<WorkQueue, 'depth'>>();
  readonly #count;
  readonly #retried;
  readonly #waited;
  readonly #worked;

  constructor(metrics: Metrics, clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    const labels = ['name'] as const;
    metrics.gauge({
      name: 'workqueue_depth',
      help: 'Keys that wait in the queue of a control loop',
      labels,
      read: () => [...this.#queues].map(([name, queue]): Sample<'name'> => ({ labels: { name }, value: queue.depth })),
    });
    this.#count = metrics.counter({
      name: 'workqueue_adds_total',
      help: 'Keys put into the queue that did not wait there already',
      labels,
    });
    this.#retried = metrics.counter({
      name: 'workqueue_retries_total',
      help: 'Keys put back after a failure',
      labels,
    });
    this.#waited = metrics.histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long a key waited',
      labels,
      buckets: SECONDS,
    });
    this.#worked = metrics.histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long the work on a key took',
      labels,
      buckets: SECONDS,
    });
  }

  /** Shows the depth of a queue under its name. */
  follow(name: string, queue: Pick<WorkQueue, 'depth'>): void {
    this.#queues.set(name, queue);
  }

  /** What one queue tells. */
  recorder(name: string): QueueRecorder {
    const labels = { name };
    const addedMs = new Map<string, number>();
    const startedMs = new Map<string, number>();
    const since = (times: Map<string, number>, key: string): number => {
      const at = times.get(key) ?? this.#clock.now();
      times.delete(key);
      return (this.#clock.now() - at) / 1000;
    };
    return {
      added: (key) => {
        this.#count(labels);
        addedMs.set(key, this.#clock.now());
      },
      started: (key) => {
        this.#waited(labels, since(addedMs, key));
        startedMs.set(key, this.#clock.now());
      },
      done: (key) => this.#worked(labels, since(startedMs, key)),
      retried: () => this.#retried(labels),
    };
  }
}
