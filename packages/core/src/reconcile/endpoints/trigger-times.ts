/** When the change of a pod or a Service happened that led to new endpoints. Source: kubernetes `staging/src/k8s.io/endpointslice/trigger_time_tracker.go`. */
import type { Pod, Service } from '../../api/core.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../common/time.ts';

/** Annotation of slices and Endpoints that tells it, RFC 3339; from it proxies and DNS servers know how long the way to them took. */
export const LAST_CHANGE_TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Known {
  serviceMs: number;
  /** Pod -> its trigger time. */
  pods: ReadonlyMap<string, number>;
}

/** Remembers the trigger times of each Service, so that only new ones count. */
export class TriggerTimes {
  readonly #known = new Map<string, Known>();

  /**
   * The earliest trigger time of this Service that was not known yet; undefined when all were. A pod's is when its Ready condition last
   * changed, a Service's when it was made. A deletion has none. They are known once `taken` is called: when what follows from them is written.
   * @param pods those the Service selects; one that has no address yet cannot be an endpoint and does not count
   */
  next(service: Service, pods: readonly Pod[]): { readonly atMs: number | undefined; taken(): void } {
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const before = this.#known.get(key);
    const times = new Map(
      pods.flatMap((pod) => {
        const at = (pod.status?.podIP ?? '') === '' ? undefined : readyChangedMs(pod);
        return at === undefined ? [] : [[pod.metadata.name, at] as const];
      }),
    );
    const serviceMs = Date.parse(service.metadata.creationTimestamp ?? '');
    const fresh = [...times].filter(([name, at]) => at > (before?.pods.get(name) ?? 0)).map(([, at]) => at);
    if (serviceMs > (before?.serviceMs ?? 0)) fresh.push(serviceMs);
    return {
      atMs: fresh.length === 0 ? undefined : Math.min(...fresh),
      taken: () => void this.#known.set(key, { serviceMs, pods: times }),
    };
  }

  /** The Service is gone. */
  forget(namespace: string, name: string): void {
    this.#known.delete(`${namespace}/${name}`);
  }
}

function readyChangedMs(pod: Pod): number | undefined {
  const condition = pod.status?.conditions?.find((c) => c.type === 'Ready');
  const at = Date.parse(condition?.lastTransitionTime ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** The object with its trigger time, ms since the epoch; without one when this change has none. */
export function withTriggerTime<T extends KubeObject>(object: T, atMs: number | undefined): T {
  const { [LAST_CHANGE_TRIGGER_TIME]: _before, ...others } = object.metadata.annotations ?? {};
  const annotations = atMs === undefined ? others : { ...others, [LAST_CHANGE_TRIGGER_TIME]: rfc3339(atMs) };
  const { annotations: _annotations, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
  };
}
