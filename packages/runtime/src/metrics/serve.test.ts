import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { exponentialBuckets, linearBuckets, type Metrics, NO_METRICS, single } from './metrics.ts';
import { type MetricsOptions, type ServedMetrics, serveMetrics } from './serve.ts';

const errors: unknown[] = [];
const open: ServedMetrics[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
  errors.length = 0;
});

async function serve(more: Partial<MetricsOptions> = {}): Promise<{ metrics: Metrics; url: string; port: number }> {
  const served = await serveMetrics({
    host: '127.0.0.1',
    port: 0,
    component: 'dns',
    node: 'dns-1',
    log: {
      info: () => undefined,
      error: (entry: unknown) => void errors.push(entry),
    } as unknown as MetricsOptions['log'],
    ...more,
  });
  open.push(served);
  return { metrics: served.metrics, url: `http://127.0.0.1:${served.port}`, port: served.port ?? 0 };
}
const text = async (url: string): Promise<string> => (await fetch(url)).text();

describe('serveMetrics', () => {
  it('serves the text format', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text,*/*;q=0.1' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const body = await response.text();
    expect(body).toContain('# TYPE svclab_build_info gauge');
    expect(body).toMatch(/svclab_build_info\{version="[\d.]+",component="dns",host="dns-1",node_version="[\d.]+"\} 1/);
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds'])
      expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1])).toBeGreaterThan(0);
  });
  it('shows what was counted, observed and read', async () => {
    const { metrics, url } = await serve();
    let kept = 3;
    const count = metrics.counter({ name: 'a_total', help: 'A', labels: ['x'] });
    const observe = metrics.histogram({ name: 'b_seconds', help: 'B', buckets: [1, 2] });
    metrics.countOf({ name: 'c_total', help: 'C', read: () => single(kept) });
    metrics.gauge({ name: 'd', help: 'D', labels: ['y'], read: async () => [{ labels: { y: 'z' }, value: kept }] });
    count({ x: '1' });
    count({ x: '1' }, 2);
    observe({}, 1.5);
    await text(`${url}/metrics`);
    kept = 5;
    const body = await text(`${url}/metrics`);
    for (const line of [
      'a_total{x="1"} 3',
      'b_seconds_bucket{le="1"} 0',
      'b_seconds_bucket{le="2"} 1',
      'b_seconds_bucket{le="+Inf"} 1',
      'b_seconds_sum 1.5',
      'c_total 5',
      'd{y="z"} 5',
    ])
      expect(body.split('\n')).toContain(line);
  });
  it('forgets the values of a gauge that is no longer there', async () => {
    const { metrics, url } = await serve();
    let pods = ['a'];
    metrics.gauge({
      name: 'g',
      help: 'G',
      labels: ['pod'],
      read: () => pods.map((pod) => ({ labels: { pod }, value: 1 })),
    });
    expect(await text(`${url}/metrics`)).toContain('g{pod="a"} 1');
    pods = [];
    expect(await text(`${url}/metrics`)).not.toContain('g{pod="a"}');
  });
  it.each([
    { method: 'HEAD', path: '/metrics', code: 200, says: /^$/ },
    { method: 'GET', path: '/metrics?x=1', code: 200, says: /svclab_build_info/ },
    { method: 'GET', path: '/', code: 404, says: /the metrics are at \/metrics/ },
    { method: 'GET', path: '/constructor', code: 404, says: /Not found/ },
    { method: 'POST', path: '/metrics', code: 405, says: /Method POST is not served: use GET/ },
    { method: 'GET', path: '/targets', code: 200, says: /^\[1\]$/ },
  ])('answers $method $path with $code', async ({ method, path, code, says }) => {
    const { url } = await serve({ pages: { '/targets': () => [1] } });
    const response = await fetch(`${url}${path}`, { method });
    expect(response.status).toBe(code);
    expect(await response.text()).toMatch(says);
  });
  it('says what cannot be read, and lives on', async () => {
    const { metrics, url } = await serve();
    let broken = true;
    metrics.gauge({
      name: 'g',
      help: 'G',
      read() {
        if (broken) throw new Error('no value');
        return single(1);
      },
    });
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('Metrics cannot be read: no value\n');
    expect(errors).toMatchObject([{ event: 'metrics-failed' }]);
    broken = false;
    expect(await text(`${url}/metrics`)).toContain('g 1');
  });
  it('does without a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const { metrics } = await serve({ port });
    metrics.counter({ name: 'a_total', help: 'A' })({});
    expect(errors).toMatchObject([{ event: 'metrics-not-served', address: `127.0.0.1:${port}` }]);
    await new Promise((resolve) => other.close(resolve));
  });
});

describe('NO_METRICS', () => {
  it('reads nothing', () => {
    NO_METRICS.gauge({
      name: 'g',
      help: 'G',
      read() {
        throw new Error('read');
      },
    });
    expect(NO_METRICS.counter({ name: 'a_total', help: 'A' })({})).toBeUndefined();
    expect(NO_METRICS.enabled).toBe(false);
  });
});

describe('buckets', () => {
  it('are those of client_golang', () => {
    expect(exponentialBuckets(0.001, 2, 4)).toEqual([0.001, 0.002, 0.004, 0.008]);
    expect(linearBuckets(0.25, 0.25, 3)).toEqual([0.25, 0.5, 0.75]);
  });
});
