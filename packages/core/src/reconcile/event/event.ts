/** Events of reconcilers and nodes, counted rather than repeated. Source: k8s.io/client-go `tools/record/events_cache.go`. */
import type { KubeEvent } from '../../api/core.ts';
import type { KubeObject, ObjectReference } from '../../api/meta.ts';
import { canonicalJson, fnv1a32 } from '../common/hash.ts';
import { rfc3339, timeOf } from '../common/time.ts';

/** What happened to an object. */
export interface EventDetail {
  readonly type: 'Normal' | 'Warning';
  /** Why, as one word: `SuccessfulCreate`. */
  readonly reason: string;
  readonly message: string;
}

/** A reference to an object, as events hold it. */
export function referenceTo(object: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}

/** An event about an object. Its name follows from what it says, so that the same thing said again meets it. */
export function makeEvent(
  about: ObjectReference,
  detail: EventDetail,
  source: { readonly component: string; readonly host?: string },
  nowMs: number,
): KubeEvent {
  const { resourceVersion: _version, ...subject } = about;
  const hash = fnv1a32(canonicalJson({ subject, ...detail, source })).toString(16);
  const more = fnv1a32(canonicalJson({ source, ...detail, subject, again: true })).toString(16);
  const now = rfc3339(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${(about.name ?? '').slice(0, 200)}.${hash.padStart(8, '0')}${more.padStart(8, '0')}`,
      namespace: about.namespace || 'default',
    },
    involvedObject: about,
    ...detail,
    source,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    eventTime: null,
    reportingComponent: source.component,
    reportingInstance: source.host ?? '',
  };
}

/** True for a reported event that has a name and a count of its own: telling it again changes nothing. */
export function isCounted(reported: KubeEvent): boolean {
  return Boolean(reported.metadata?.name) && reported.count !== undefined;
}

/** An event a process reported: as it is when it counts itself, else under the name that counts it. */
export function adoptEvent(reported: KubeEvent, host: string, nowMs: number): KubeEvent {
  const { type = 'Normal', reason = '', message = '', involvedObject } = reported;
  if (isCounted(reported)) {
    const namespace = reported.metadata.namespace || involvedObject.namespace || 'default';
    return { ...reported, metadata: { name: reported.metadata.name, namespace } };
  }
  const component = reported.source?.component ?? reported.reportingComponent ?? 'unknown';
  return makeEvent(
    involvedObject,
    { type, reason, message },
    { component, host: reported.source?.host ?? host },
    nowMs,
  );
}

/** The stored event as its reporter has counted it since; the same object when it says nothing new. */
export function recountedEvent(stored: KubeEvent, reported: KubeEvent): KubeEvent {
  if ((reported.count ?? 1) <= (stored.count ?? 1)) return stored;
  return { ...stored, ...reported, metadata: stored.metadata };
}

/** The stored event after it happened `times` more. */
export function countedEvent(stored: KubeEvent, next: KubeEvent, times: number): KubeEvent {
  return {
    ...stored,
    involvedObject: next.involvedObject,
    count: (stored.count ?? 1) + times,
    lastTimestamp: next.lastTimestamp ?? stored.lastTimestamp ?? '',
  };
}

/** True when the event is older than `ttlMs`, counted from when it happened last. */
export function isEventExpired(event: KubeEvent, ttlMs: number, nowMs: number): boolean {
  const at = event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp;
  return nowMs - timeOf(at) > ttlMs;
}
