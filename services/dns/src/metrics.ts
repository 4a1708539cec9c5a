/** CoreDNS's metrics, with its names, labels and buckets. Source: coredns/coredns `plugin/metrics/vars`, `plugin/kubernetes/metrics.go`. */
import {
  type Clock,
  type EndpointSlice,
  LAST_CHANGE_TRIGGER_TIME,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type Service,
  type StoreEvent,
} from '@svclab/core';
import { exponentialBuckets, type Metrics } from '@svclab/runtime';
import { RCODES, TYPES } from './codes.ts';

/** One question that was answered. */
export interface Served {
  readonly protocol: 'udp' | 'tcp';
  readonly query: Buffer;
  readonly reply: Buffer;
  /** Monotonic, ms: when the question was taken up. */
  readonly startedMs: number;
}

/** The server block of kubeadm's Corefile: one, on port 53, for the root zone. */
const BLOCK = { server: 'dns://:53', zone: '.', view: '' };
/** Bounds of message sizes, bytes. */
const SIZES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3];
/** Where the first question begins, after the header (RFC 1035 section 4.1.1). */
const QUESTION_AT = 12;

/** Declares what is counted per question. Returns the function that counts one; undefined where nobody reads it. */
export function questionMetrics(metrics: Metrics, clock: Pick<Clock, 'now'>): ((served: Served) => void) | undefined {
  if (!metrics.enabled) return undefined;
  const requests = metrics.counter({
    name: 'coredns_dns_requests_total',
    help: 'Questions that were answered',
    labels: ['server', 'zone', 'view', 'proto', 'family', 'type'],
  });
  const responses = metrics.counter({
    name: 'coredns_dns_responses_total',
    help: 'Answers by response code',
    labels: ['server', 'zone', 'view', 'rcode', 'plugin'],
  });
  const seconds = metrics.histogram({
    name: 'coredns_dns_request_duration_seconds',
    help: 'How long an answer took',
    labels: ['server', 'zone', 'view'],
    buckets: exponentialBuckets(0.00025, 2, 16),
  });
  const bytes = metrics.histogram({
    name: 'coredns_dns_response_size_bytes',
    help: 'Size of an answer',
    labels: ['server', 'zone', 'view', 'proto'],
    buckets: SIZES,
  });
  return ({ protocol, query, reply, startedMs }) => {
    requests({ ...BLOCK, proto: protocol, family: '1', type: questionType(query) });
    responses({ ...BLOCK, rcode: RCODES[reply.readUInt8(3) & 0xf] ?? 'UNKNOWN', plugin: 'kubernetes' });
    seconds(BLOCK, (clock.now() - startedMs) / 1000);
    bytes({ ...BLOCK, proto: protocol }, reply.length);
  };
}

/** Mnemonic of the first question's type, as far as CoreDNS counts it apart; `other` for the rest and for what cannot be read. */
export function questionType(query: Buffer): string {
  let at = QUESTION_AT;
  while (at < query.length) {
    const length = query.readUInt8(at);
    at += 1 + length;
    if (length > 63) return 'other';
    if (length === 0) return at + 2 <= query.length ? (TYPES[query.readUInt16BE(at)] ?? 'other') : 'other';
  }
  return 'other';
}

/** Declares the time from a change to the first answer that knows it. Returns the function that takes in a change of the store. */
export function programmingMetrics(
  metrics: Metrics,
  options: { clock: Pick<Clock, 'wall'>; service: (namespace: string, name: string) => Service | undefined },
): (event: StoreEvent) => void {
  const observe = metrics.histogram({
    name: 'coredns_kubernetes_dns_programming_duration_seconds',
    help: 'From the change of a pod to records that know it; headless Services with a selector only',
    labels: ['service_kind'],
    buckets: exponentialBuckets(0.001, 2, 20),
  });
  return (event) => {
    if (event.key.resource !== RESOURCES.endpointslices.resource || event.type === 'DELETED') return;
    const { labels, annotations } = (event.object as EndpointSlice).metadata;
    const at = Date.parse(annotations?.[LAST_CHANGE_TRIGGER_TIME] ?? '');
    if (Number.isNaN(at) || at === Date.parse(event.previous?.metadata.annotations?.[LAST_CHANGE_TRIGGER_TIME] ?? ''))
      return;
    // CoreDNS measures headless Services with a selector alone: the others' records do not depend on their endpoints.
    const service = options.service(event.key.namespace, labels?.[SERVICE_NAME_LABEL] ?? '');
    if (service?.spec.clusterIP !== 'None' || Object.keys(service.spec.selector ?? {}).length === 0) return;
    observe({ service_kind: 'headless_with_selector' }, (options.clock.wall() - at) / 1000);
  };
}
