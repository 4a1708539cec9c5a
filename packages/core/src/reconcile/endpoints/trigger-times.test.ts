import { describe, expect, it } from 'vitest';
import type { Pod, Service } from '../../api/core.ts';
import { LAST_CHANGE_TRIGGER_TIME, TriggerTimes, withTriggerTime } from './trigger-times.ts';

const T0 = Date.UTC(2026, 0, 1);
const time = (s: number): string => new Date(T0 + s * 1000).toISOString();
const service = (madeS: number): Service =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', creationTimestamp: time(madeS) },
    spec: {},
  }) as Service;
const pod = (name: string, readyChangedS?: number): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {},
    status:
      readyChangedS === undefined
        ? { podIP: '10.0.0.1' }
        : {
            podIP: '10.0.0.1',
            conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time(readyChangedS) }],
          },
  }) as unknown as Pod;
/** Seconds after T0 of each call's answer. */
const next = (times: TriggerTimes, ...args: Parameters<TriggerTimes['next']>): number | undefined => {
  const { atMs, taken } = times.next(...args);
  taken();
  return atMs === undefined ? undefined : (atMs - T0) / 1000;
};

describe('TriggerTimes', () => {
  it('takes the earliest of the times it did not know', () => {
    const times = new TriggerTimes();
    expect(next(times, service(5), [pod('a', 3), pod('b', 4)])).toBe(3);
    expect(next(times, service(5), [pod('a', 3), pod('b', 9), pod('c', 8)])).toBe(8);
  });
  it('has none when nothing is new, or something has only gone', () => {
    const times = new TriggerTimes();
    next(times, service(1), [pod('a', 2), pod('b', 3)]);
    expect(next(times, service(1), [pod('a', 2), pod('b', 3)])).toBeUndefined();
    expect(next(times, service(1), [pod('a', 2)])).toBeUndefined();
  });
  it('takes a Service that was made anew for a change', () => {
    const times = new TriggerTimes();
    next(times, service(1), []);
    expect(next(times, service(7), [])).toBe(7);
  });
  it('counts no pod that has never been looked at', () => {
    expect(next(new TriggerTimes(), service(6), [pod('a')])).toBe(6);
  });
  it('does not know a time before it was taken, nor that of a pod without an address', () => {
    const times = new TriggerTimes();
    next(times, service(1), []);
    const bare = pod('a', 3);
    expect(next(times, service(1), [{ ...bare, status: { ...bare.status, podIP: '' } }])).toBeUndefined();
    expect(times.next(service(1), [bare]).atMs).toBe(T0 + 3000);
    expect(next(times, service(1), [bare])).toBe(3);
    expect(next(times, service(1), [bare])).toBeUndefined();
  });
  it('begins anew with a Service it was told to forget', () => {
    const times = new TriggerTimes();
    next(times, service(1), []);
    times.forget('default', 'web');
    expect(next(times, service(1), [])).toBe(1);
  });
});

describe('withTriggerTime', () => {
  it('sets the annotation, and takes it away when a change has no time', () => {
    const stamped = withTriggerTime(service(0), T0);
    expect(stamped.metadata.annotations).toEqual({ [LAST_CHANGE_TRIGGER_TIME]: '2026-01-01T00:00:00Z' });
    expect(withTriggerTime(stamped, undefined)).toEqual(service(0));
  });
  it('leaves other annotations alone', () => {
    const object = { ...service(0), metadata: { ...service(0).metadata, annotations: { a: 'b' } } };
    expect(withTriggerTime(object, undefined)).toEqual(object);
  });
});
