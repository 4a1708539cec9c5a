import { describe, expect, it } from 'vitest';
import { resolveBehaviour } from '../behaviour/behaviour.ts';
import { commonRoute, fate, healthReply } from './http-routes.ts';
import { accessLogLine, accessLogTime, echoReply, type HttpRequest, metricsReply } from './http-text.ts';
import { whoamiText } from './whoami.ts';

const identity = {
  pod: 'web-app-5d4f8c7b9-x2k4z',
  namespace: 'default',
  uid: 'u',
  node: 'node-2',
  container: 'nginx',
  image: 'nginx:alpine',
  ip: '10.244.2.3',
};
const request = (change: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url: '/a?b=1',
  path: '/a',
  httpVersion: '1.1',
  rawHeaders: ['Host', 'web', 'X-A', '1', 'x-a', '2'],
  userAgent: 'curl/8',
  wantsJson: false,
  clientAddress: '10.244.1.1',
  clientPort: 4711,
  localAddress: '10.244.2.3',
  localPort: 80,
  ...change,
});
const upstream = { url: 'http://api/', address: '10.96.0.7:80', status: 200, firstLine: 'api-1', durationMs: 2 };

describe('echoReply()', () => {
  it('has the pod alone on its first line', () => {
    const body = String(echoReply(identity, request(), undefined).body);
    expect(body.split('\n')).toEqual([
      'web-app-5d4f8c7b9-x2k4z',
      'namespace: default',
      'node: node-2',
      'image: nginx:alpine',
      'client: 10.244.1.1:4711',
      'server: 10.244.2.3:80',
      'request: GET /a?b=1 HTTP/1.1',
      'header: Host: web',
      'header: X-A: 1',
      'header: x-a: 2',
      '',
    ]);
  });

  it('names the upstream that answered', () => {
    expect(echoReply(identity, request(), upstream).body).toContain('\nupstream: api-1 200 at 10.96.0.7:80\n');
  });

  it('is JSON when asked', () => {
    const reply = echoReply(identity, request({ wantsJson: true }), upstream);
    expect(reply.type).toBe('application/json');
    expect(JSON.parse(String(reply.body))).toMatchObject({
      pod: identity.pod,
      client: { address: '10.244.1.1', port: 4711 },
      headers: { host: 'web', 'x-a': '1, 2' },
      upstream: { pod: 'api-1', status: 200 },
    });
  });
});

describe('healthReply()', () => {
  it.for([
    ['/healthz', 'ok', 'x', 200],
    ['/healthz', 'fail', 'x', 503],
    ['/healthz', 'unready', 'x', 200],
    ['/livez', 'unready', 'x', 200],
    ['/readyz', 'unready', 'x', 503],
    ['/health', 'fail', 'x', 503],
    ['/', 'fail', 'kube-probe/1.33', 503],
    ['/', 'fail', 'curl/8', undefined],
    ['/', 'ok', 'kube-probe/1.33', undefined],
  ] as const)('answers %s when health is %s to %s', ([path, health, userAgent, want]) => {
    expect(healthReply({ path, userAgent }, health)?.status).toBe(want);
  });
});

describe('commonRoute()', () => {
  it.for([
    ['GET', '/hostname', { kind: 'reply', reply: { status: 200, body: identity.pod } }],
    ['GET', '/clientip', { kind: 'reply', reply: { body: '10.244.1.1:4711' } }],
    ['GET', '/echo?msg=a%20b', { kind: 'reply', reply: { body: 'a b' } }],
    ['POST', '/echo', { kind: 'echo-body' }],
    ['GET', '/status/503', { kind: 'reply', reply: { status: 503 } }],
    ['GET', '/delay/20', { kind: 'reply', afterMs: 20 }],
    ['GET', '/delay/999999999', { kind: 'reply', afterMs: 600_000 }],
  ] as const)('answers %s %s', ([method, url, want]) => {
    const path = url.split('?')[0] ?? '';
    expect(commonRoute(request({ method, url, path }), identity)).toMatchObject(want);
  });

  it.for(['/', '/echo', '/status/99', '/status/abc', '/delay/', '/statuses/200'])(
    'leaves %s to the echo answer',
    (path) => {
      expect(commonRoute(request({ url: path, path }), identity)).toBeUndefined();
    },
  );
});

describe('fate()', () => {
  const { behaviour } = resolveBehaviour({ startupDelay: 0, env: {}, annotations: {}, overrides: new Map() });
  it.for([
    [{}, 0.99, { delayMs: 0, fails: false }],
    [{ latency: { min: 20, max: 20 } }, 0.5, { delayMs: 20, fails: false }],
    [{ latency: { min: 20, max: 40 } }, 0.5, { delayMs: 30, fails: false }],
    [{ errorRate: 0.5 }, 0.49, { delayMs: 0, fails: true }],
    [{ errorRate: 0.5 }, 0.5, { delayMs: 0, fails: false }],
    [{ errorRate: 1 }, 0.999, { delayMs: 0, fails: true }],
  ] as const)('of %j with chance %d', ([change, chance, want]) => {
    expect(fate({ ...behaviour, ...change }, () => chance)).toEqual(want);
  });
});

describe('logs and metrics', () => {
  it('writes the combined log format', () => {
    const time = accessLogTime(Date.UTC(2026, 10, 4, 9, 2, 3));
    expect(accessLogLine(time, request(), 200, 12)).toBe(
      '10.244.1.1 - - [04/Nov/2026:09:02:03 +0000] "GET /a?b=1 HTTP/1.1" 200 12 "-" "curl/8"',
    );
  });

  it('writes the Prometheus text format', () => {
    const body = metricsReply(identity, {
      byStatus: new Map([
        [200, 3],
        [500, 1],
      ]),
      inFlight: 1,
      durationSum: 1500,
    }).body;
    expect(body).toContain('http_requests_total{pod="web-app-5d4f8c7b9-x2k4z",namespace="default",code="200"} 3\n');
    expect(body).toMatch(/http_request_duration_seconds_sum\{.*\} 1\.5\n/);
    expect(body).toMatch(/http_request_duration_seconds_count\{.*\} 4\n/);
  });

  it('writes what whoami writes', () => {
    expect(whoamiText(identity, request())).toMatch(
      /^Hostname: web-app-5d4f8c7b9-x2k4z\nIP: 127\.0\.0\.1\nIP: 10\.244\.2\.3\n/,
    );
  });
});
