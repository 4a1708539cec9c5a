import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Labels, Metrics } from '@svclab/runtime';
import { describe, expect, it } from 'vitest';
import { type Definition, makeDefinitions } from '../registry/definition.ts';
import { Exchange } from './exchange.ts';
import { RequestMetrics, requestLabels } from './metrics.ts';

const definition = (group: string, resource: string, kind: string): Definition =>
  ({ group, version: 'v1', resource, kind, namespaced: true }) as Definition;
const DEFINITIONS = makeDefinitions([definition('', 'pods', 'Pod'), definition('apps', 'deployments', 'Deployment')]);

const exchange = (method: string, url: string, headers: Record<string, string> = {}): Exchange =>
  new Exchange({ method, url, headers } as unknown as IncomingMessage, {} as ServerResponse);

const PODS = '/api/v1/namespaces/default/pods';
const APPLY = 'application/apply-patch+yaml';

describe('requestLabels', () => {
  it.each<[string, string, Record<string, string>, string]>([
    ['GET', PODS, {}, 'LIST //v1/pods/ namespace'],
    ['GET', '/api/v1/pods', {}, 'LIST //v1/pods/ cluster'],
    ['GET', `${PODS}/a`, {}, 'GET //v1/pods/ resource'],
    ['GET', `${PODS}?watch=true`, {}, 'WATCH //v1/pods/ namespace'],
    ['GET', '/api/v1/watch/pods', {}, 'WATCH //v1/pods/ cluster'],
    ['GET', `${PODS}/a/log`, {}, 'GET //v1/pods/log resource'],
    ['POST', `${PODS}/a/exec`, {}, 'CONNECT //v1/pods/exec resource'],
    ['POST', PODS, {}, 'POST //v1/pods/ namespace'],
    ['PUT', `${PODS}/a/status`, {}, 'PUT //v1/pods/status resource'],
    ['DELETE', PODS, {}, 'DELETECOLLECTION //v1/pods/ namespace'],
    ['DELETE', `${PODS}/a`, {}, 'DELETE //v1/pods/ resource'],
    [
      'PATCH',
      '/apis/apps/v1/namespaces/x/deployments/a/scale',
      { 'content-type': 'application/merge-patch+json' },
      'PATCH /apps/v1/deployments/scale resource',
    ],
    ['PATCH', `${PODS}/a`, { 'content-type': APPLY }, 'APPLY //v1/pods/ resource'],
    ['PATCH', `${PODS}/a`, {}, 'PATCH //v1/pods/ resource'],
    ['GET', '/healthz', {}, 'GET //// '],
    ['GET', '/api/v1/nonsense', {}, 'GET //// '],
    ['TRACE', PODS, {}, 'OTHER //v1/pods/ namespace'],
  ])('of %s %s %o: %s', (method, url, headers, expected) => {
    const l = requestLabels(exchange(method, url, headers), DEFINITIONS);
    expect(`${l.verb} /${l.group}/${l.version}/${l.resource}/${l.subresource} ${l.scope}`).toBe(expected);
  });
  it('tells a dry run', () => {
    expect(requestLabels(exchange('POST', `${PODS}?dryRun=All`), DEFINITIONS).dry_run).toBe('All');
  });
});

describe('RequestMetrics', () => {
  it('counts a request once, when it has ended, and knows those under way', () => {
    const counted: Labels<string>[] = [];
    const gauges = new Map<string, () => unknown>();
    const metrics = {
      enabled: true,
      counter: () => (labels: Labels<string>) => void counted.push(labels),
      histogram: () => () => undefined,
      gauge: (spec: { name: string; read: () => unknown }) => void gauges.set(spec.name, spec.read),
    } as unknown as Metrics;
    const requests = new RequestMetrics(metrics, { definitions: DEFINITIONS, clock: { now: () => 0 } });
    const inflight = (): unknown => gauges.get('apiserver_current_inflight_requests')?.();
    const ended = requests.begin(exchange('POST', PODS));
    const watching = requests.begin(exchange('GET', `${PODS}?watch=1`));
    expect(inflight()).toMatchObject([{ value: 0 }, { value: 1 }]);
    expect(gauges.get('svclab_apiserver_longrunning_requests')?.()).toMatchObject([{ value: 1 }]);
    expect(counted).toEqual([]);
    ended(201);
    watching(200);
    expect(inflight()).toMatchObject([{ value: 0 }, { value: 0 }]);
    expect(counted).toMatchObject([
      { verb: 'POST', code: '201' },
      { verb: 'WATCH', code: '200' },
    ]);
  });
});
