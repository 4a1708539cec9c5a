import type { EndpointSlice, Service, StoreEvent } from '@svclab/core';
import { NO_METRICS } from '@svclab/runtime';
import { fakeClock, recordedMetrics } from '@svclab/testkit';
import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { programmingMetrics, questionMetrics, questionType } from './metrics.ts';

const query = (type: 'A' | 'SRV' | 'UNKNOWN_65' | 'CAA', name = 'web.default.svc.cluster.local'): Buffer =>
  encode({ type: 'query', id: 1, questions: [{ type: type as 'A', name }] });
const BLOCK = { server: 'dns://:53', zone: '.', view: '' };

describe('questionType', () => {
  it.each<[string, Buffer, string]>([
    ['A', query('A'), 'A'],
    ['SRV', query('SRV'), 'SRV'],
    ['HTTPS', query('UNKNOWN_65'), 'HTTPS'],
    ['the root', query('A', '.'), 'A'],
    ['a type that is not counted apart', query('CAA'), 'other'],
    ['a header alone', query('A').subarray(0, 12), 'other'],
    ['a name that does not end', query('A').subarray(0, 20), 'other'],
    ['no type', query('A').subarray(0, -3), 'other'],
    ['a compressed name', Buffer.concat([query('A').subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]), 'other'],
  ])('of %s', (_, bytes, expected) => {
    expect(questionType(bytes)).toBe(expected);
  });
});

describe('questionMetrics', () => {
  it('counts a question under its type, its answer under its code', async () => {
    const { metrics, value } = recordedMetrics();
    const clock = fakeClock();
    const served = questionMetrics(metrics, clock);
    const startedMs = clock.now();
    clock.advance(250);
    const reply = encode({ type: 'response', id: 1, flags: 3, questions: [] });
    served?.({ protocol: 'tcp', query: query('SRV'), reply, startedMs });
    const question = { ...BLOCK, proto: 'tcp', family: '1', type: 'SRV' };
    expect(await value('coredns_dns_requests_total', question)).toBe(1);
    expect(await value('coredns_dns_responses_total', { ...BLOCK, rcode: 'NXDOMAIN', plugin: 'kubernetes' })).toBe(1);
    expect(await value('coredns_dns_request_duration_seconds_sum', BLOCK)).toBe(0.25);
    expect(await value('coredns_dns_response_size_bytes_sum', { ...BLOCK, proto: 'tcp' })).toBe(reply.length);
  });
  it('costs nothing where nobody reads it', () => {
    expect(questionMetrics(NO_METRICS, fakeClock())).toBeUndefined();
  });
});

describe('programmingMetrics', () => {
  const slice = (trigger?: string): EndpointSlice =>
    ({
      metadata: {
        name: 'web-1',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'web' },
        ...(trigger ? { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': trigger } } : {}),
      },
    }) as EndpointSlice;
  const event = (object: EndpointSlice, previous?: EndpointSlice, type: StoreEvent['type'] = 'MODIFIED'): StoreEvent =>
    ({
      type,
      key: { group: 'discovery.k8s.io', resource: 'endpointslices', namespace: 'default', name: 'web-1' },
      object,
      previous,
      revision: 1,
    }) as StoreEvent;
  const HEADLESS = { clusterIP: 'None', selector: { app: 'web' } };
  const T1 = '2026-01-01T00:00:01Z';

  it.each<[string, StoreEvent, object, number | undefined]>([
    ['a headless Service with a selector', event(slice(T1)), HEADLESS, 2],
    ['one without a selector', event(slice(T1)), { clusterIP: 'None' }, undefined],
    ['one with an address', event(slice(T1)), { clusterIP: '10.96.0.1', selector: { app: 'web' } }, undefined],
    ['a change without a time', event(slice()), HEADLESS, undefined],
    ['a change with the time of the one before', event(slice(T1), slice(T1)), HEADLESS, undefined],
    ['a deletion', event(slice(T1), slice(), 'DELETED'), HEADLESS, undefined],
  ])('measures %s: %s', async (_, change, spec, expected) => {
    const { metrics, value } = recordedMetrics();
    const apply = programmingMetrics(metrics, {
      clock: { wall: () => Date.parse('2026-01-01T00:00:03Z') },
      service: () => ({ spec }) as Service,
    });
    apply(change);
    const labels = { service_kind: 'headless_with_selector' };
    expect(await value('coredns_kubernetes_dns_programming_duration_seconds_sum', labels)).toBe(expected);
  });
});
