/** Ending the pods of a node in order, as `kubectl drain --disable-eviction` does: each by its own grace, whatever it then takes. */
import type { Clock, Pod } from '@svclab/core';
import { type ApiChange, unlessMissing } from '../client/kube-api.ts';

/** Calls the API of a lab. Rejects with ApiRefusal. */
export type ApiCall = <T>(path: string, change?: ApiChange) => Promise<T>;

const POLL_MS = 50;

/** The pods bound to a node. */
export async function podsOn(node: string, api: ApiCall): Promise<Pod[]> {
  const query = `fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`;
  return (await api<{ items: Pod[] }>(`/api/v1/pods?${query}`)).items;
}

/** Deletes this very pod, not one that has taken its name. One that is gone is no error. @param graceSeconds its own when left out */
export async function deletePod({ metadata }: Pod, api: ApiCall, graceSeconds?: number): Promise<void> {
  const { name, namespace = '', uid } = metadata;
  const body = {
    ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
    ...(uid ? { preconditions: { uid } } : {}),
  };
  await unlessMissing(api(`/api/v1/namespaces/${namespace}/pods/${name}`, { method: 'DELETE', body }));
}

/** How pods are ended. */
export interface EvictOptions {
  readonly api: ApiCall;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  /** Monotonic, ms: when to give up. */
  readonly deadline: number;
  /** Seconds; each pod's own when left out. */
  readonly graceSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes pods until none is left. Those that come into view later are deleted as well.
 * @param left the pods that are to go and are not gone yet
 * @returns those that are still there at the deadline; none: all have ended
 */
export async function evict(left: () => Promise<readonly Pod[]>, options: EvictOptions): Promise<readonly Pod[]> {
  const { api, clock, deadline, graceSeconds, signal } = options;
  for (;;) {
    signal?.throwIfAborted();
    const pods = await left();
    if (pods.length === 0) return [];
    for (const pod of pods.filter((p) => !p.metadata.deletionTimestamp)) await deletePod(pod, api, graceSeconds);
    if (clock.now() > deadline) return pods;
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve));
  }
}
