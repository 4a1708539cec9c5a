/** core/v1 Events about pods, counted as the kubelet's recorder counts them. */
import { fnv1a, type KubeEvent, type Pod, rfc3339 } from '@svclab/core';

/** What an event says. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Name of the container it is about. */
  readonly container?: string;
}

/** Different events remembered, so that a repetition raises a count. */
const REMEMBERED = 4096;

/** Makes Events. The same text about the same pod keeps its name, and its count grows. */
export class EventRecorder {
  readonly #node: string;
  readonly #instance: string;
  readonly #known = new Map<string, { count: number; firstMs: number }>();

  /** @param instance differs between runs of the agent, so that a new run does not count on from a number it does not know */
  constructor(node: string, instance: string) {
    this.#node = node;
    this.#instance = instance;
  }

  /** One occurrence. @param wallMs milliseconds since the epoch */
  record(pod: Pod, text: EventText, wallMs: number): KubeEvent {
    const { name, namespace = 'default', uid = '' } = pod.metadata;
    const key = [uid, text.type, text.reason, text.message, text.container ?? ''].join('\n');
    const before = this.#known.get(key);
    const now = { count: (before?.count ?? 0) + 1, firstMs: before?.firstMs ?? wallMs };
    this.#known.delete(key);
    this.#known.set(key, now);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    const id = [fnv1a(key), fnv1a(`${this.#instance}${key}`)].map((n) => n.toString(16).padStart(8, '0')).join('');
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${id}`, namespace },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        name,
        uid,
        ...(pod.metadata.resourceVersion ? { resourceVersion: pod.metadata.resourceVersion } : {}),
        ...(text.container ? { fieldPath: `spec.containers{${text.container}}` } : {}),
      },
      reason: text.reason,
      message: text.message,
      type: text.type,
      count: now.count,
      firstTimestamp: rfc3339(now.firstMs),
      lastTimestamp: rfc3339(wallMs),
      source: { component: 'kubelet', host: this.#node },
      reportingComponent: 'kubelet',
      reportingInstance: this.#node,
    };
  }
}
