/** The API's protocol as programs see it: watches, pages, representations, limits. */
import { connect } from 'node:http2';
import { request } from 'node:https';
import { type ConfigMap, RESOURCES } from '@svclab/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from './api-under-test.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  const none = async function* (): AsyncGenerator<never> {};
  api = await startApi({ logs: none, exec: none });
});
afterAll(() => api.close());

interface Answer {
  readonly code: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape is looked into
  readonly body: any;
}

function call(
  method: string,
  path: string,
  options: { body?: string; headers?: Record<string, string>; token?: string } = {},
): Promise<Answer> {
  const length = options.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(options.body)) };
  const headers = { authorization: `Bearer ${options.token ?? api.token}`, ...length, ...options.headers };
  return new Promise((resolve, reject) => {
    const req = request(`${api.url}${path}`, { method, ca: api.ca, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (c: Buffer) => chunks.push(c));
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (res.headers['content-type'] ?? '').startsWith('application/json');
        resolve({
          code: res.statusCode ?? 0,
          headers: res.headers,
          text,
          body: json && text !== '' ? firstJson(text) : undefined,
        });
      });
    });
    req.on('error', reject);
    req.end(options.body);
  });
}

const firstJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const MAPS = '/api/v1/namespaces/default/configmaps';
const map = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
});
const json = { 'content-type': 'application/json' };

/** Watches until `count` events have come; the watch runs while `meanwhile` does. */
async function watch(query: string, count: number, meanwhile: () => Promise<unknown> = async () => undefined) {
  const events: { type: string; object: { metadata: Record<string, unknown>; [key: string]: unknown } }[] = [];
  await new Promise<void>((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.token}` };
    const req = request(`${api.url}${MAPS}?watch=true&${query}`, { ca: api.ca, headers }, (res) => {
      let rest = '';
      res.on('data', (chunk: Buffer) => {
        rest += chunk.toString();
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) events.push(JSON.parse(line));
        if (events.length >= count) {
          req.destroy();
          resolve();
        }
      });
      res.on('end', resolve);
      meanwhile().catch(reject);
    });
    req.on('error', (error) => (events.length >= count ? resolve() : reject(error)));
    req.end();
  });
  return events;
}

describe('watch', () => {
  it('goes on from a list, and shows what enters and leaves a selection', async () => {
    const before = await call('GET', MAPS);
    const events = await watch(
      `resourceVersion=${before.body.metadata.resourceVersion}&labelSelector=in=yes`,
      4,
      async () => {
        const label = (value: string) => (o: ConfigMap) => ({
          ...o,
          metadata: { ...o.metadata, labels: { in: value } },
        });
        const change = (fn: (o: ConfigMap) => ConfigMap) =>
          api.registry.modify(RESOURCES.configmaps, 'default', 'w', fn);
        await api.registry.create(RESOURCES.configmaps, map('w', { a: '1' }));
        await change(label('yes'));
        await change((o) => ({ ...o, data: { a: '2' } }));
        await change(label('no'));
        await change(label('yes'));
        await api.registry.delete(RESOURCES.configmaps, 'default', 'w');
      },
    );
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED']);
    expect(events[2]?.object.metadata.labels).toEqual({ in: 'yes' });
    const revisions = events.map((e) => Number(e.object.metadata.resourceVersion));
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  });

  it('streams the present state and says where it ends', async () => {
    await api.registry.create(RESOURCES.configmaps, map('i'));
    const query =
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name=i';
    const events = await watch(query, 2);
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect((await call('GET', `${MAPS}?watch=1&sendInitialEvents=true`)).code).toBe(422);
  });

  it('ends after timeoutSeconds', async () => {
    expect(await watch('resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name=none', 1)).toEqual([]);
  });

  it('works over HTTP/2 as tables, with columns in the first event only', async () => {
    const client = connect(api.url, { ca: api.ca });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const stream = client.request({
      ':path': '/api/v1/namespaces?watch=1',
      authorization: `Bearer ${api.token}`,
      accept,
    });
    let text = '';
    await new Promise<void>((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.split('\n').length > 2) resolve();
      });
    });
    stream.close();
    await new Promise<void>((resolve) => client.close(resolve));
    const [first, second] = text
      .split('\n')
      .slice(0, 2)
      .map((l) => JSON.parse(l));
    expect(first.object.columnDefinitions).toHaveLength(3);
    expect(second.object.columnDefinitions).toBeNull();
  });
});

describe('list', () => {
  it('comes in pages', async () => {
    for (const name of ['p1', 'p2', 'p3'])
      await api.registry.create(RESOURCES.configmaps, map(name, {}, { page: 'yes' }));
    const one = await call('GET', `${MAPS}?limit=2&labelSelector=page`);
    expect(one.body.items.map((o: ConfigMap) => o.metadata.name)).toEqual(['p1', 'p2']);
    const two = await call('GET', `${MAPS}?limit=2&labelSelector=page&continue=${one.body.metadata.continue}`);
    expect(two.body.items.map((o: ConfigMap) => o.metadata.name)).toEqual(['p3']);
    expect(two.body.metadata).toEqual({ resourceVersion: one.body.metadata.resourceVersion });
    expect((await call('GET', `${MAPS}?limit=2&continue=junk`)).code).toBe(400);
  });

  it('refuses revisions of the future and what is no revision', async () => {
    expect((await call('GET', `${MAPS}?resourceVersion=x`)).code).toBe(400);
    const future = await call('GET', `${MAPS}?resourceVersion=999999`);
    expect(future).toMatchObject({
      code: 504,
      body: { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
    });
  });

  it('is compressed when large and asked for so', async () => {
    await api.registry.create(RESOURCES.configmaps, map('large', { text: 'a'.repeat(200_000) }));
    const answer = await call('GET', `${MAPS}/large`, { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(Number(answer.headers['content-length'])).toBeLessThan(10_000);
  });
});

describe('requests that are wrong', () => {
  it.each([
    ['GET', '/api/v1/nothings', undefined, {}, 404, 'NotFound'],
    ['GET', '/somewhere', undefined, {}, 404, 'NotFound'],
    ['GET', `${MAPS}/none`, undefined, {}, 404, 'NotFound'],
    ['POST', `${MAPS}/none`, '{}', json, 405, 'MethodNotAllowed'],
    ['POST', MAPS, '{}', { 'content-type': 'text/xml' }, 415, 'UnsupportedMediaType'],
    ['POST', MAPS, 'k8s', { 'content-type': 'application/vnd.kubernetes.protobuf' }, 400, 'BadRequest'],
    ['GET', MAPS, undefined, { accept: 'application/vnd.kubernetes.protobuf' }, 406, 'NotAcceptable'],
    ['POST', MAPS, '{', json, 400, 'BadRequest'],
    ['POST', MAPS, '[]', json, 400, 'BadRequest'],
    ['POST', MAPS, '', json, 400, 'BadRequest'],
    ['POST', MAPS, '{"kind":"Pod","apiVersion":"v1"}', json, 400, 'BadRequest'],
    [
      'POST',
      `${MAPS}?fieldValidation=Strict`,
      '{"metadata":{"name":"a"},"data":{"k":"1","k":"2"}}',
      json,
      400,
      'BadRequest',
    ],
    ['POST', MAPS, '{"metadata":{"name":"Web"}}', json, 422, 'Invalid'],
    ['POST', MAPS, '{"metadata":{"name":"a","namespace":"other"}}', json, 400, 'BadRequest'],
    ['POST', `${MAPS}?dryRun=Some`, '{"metadata":{"name":"a"}}', json, 422, 'Invalid'],
    ['POST', MAPS, 'a: &a [*a, *a]', { 'content-type': 'application/yaml' }, 400, 'BadRequest'],
    ['GET', `${MAPS}?labelSelector=a%20b`, undefined, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}?fieldSelector=data.k=1`, undefined, {}, 400, 'BadRequest'],
    [
      'PATCH',
      `${MAPS}/large`,
      '[{"op":"add","path":"/__proto__/x","value":1}]',
      { 'content-type': 'application/json-patch+json' },
      400,
      'BadRequest',
    ],
    ['PATCH', `${MAPS}/large`, '{}', json, 415, 'UnsupportedMediaType'],
    ['DELETE', '/api/v1/namespaces/default', undefined, {}, 403, 'Forbidden'],
  ] as [string, string, string | undefined, Record<string, string>, number, string][])(
    '%s %s %j',
    async (method, path, body, headers, code, reason) => {
      const answer = await call(method, path, { ...(body === undefined ? {} : { body }), headers });
      expect(answer).toMatchObject({ code, body: { kind: 'Status', status: 'Failure', reason, code } });
    },
  );

  it('a body over 3 MiB, and a JSON patch of 10,001 operations', async () => {
    const big = await call('POST', MAPS, { body: `"${'a'.repeat(3 * 1024 * 1024)}"`, headers: json });
    expect(big).toMatchObject({ code: 413, body: { message: 'Request entity too large: limit is 3145728' } });
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' }));
    const headers = { 'content-type': 'application/json-patch+json' };
    expect((await call('PATCH', `${MAPS}/large`, { body: JSON.stringify(operations), headers })).code).toBe(413);
  });

  it('no token, or a wrong one, except for health and version', async () => {
    expect((await call('GET', MAPS, { token: 'wrong' })).code).toBe(401);
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      expect((await call('GET', path, { token: 'wrong' })).code).toBe(200);
  });

  it('polluting keys stay plain data', async () => {
    const body = '{"metadata":{"name":"pollute"},"data":{"k":"v"},"__proto__":{"polluted":true}}';
    expect((await call('POST', MAPS, { body, headers: json })).code).toBe(201);
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patch = '{"data":{"__proto__x":"1","constructor":"2"},"__proto__":{"polluted":true}}';
    expect((await call('PATCH', `${MAPS}/pollute`, { body: patch, headers })).body.data).toEqual({
      k: 'v',
      __proto__x: '1',
      constructor: '2',
    });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('writes', () => {
  it('warn about unknown fields, unless told to be strict or silent', async () => {
    const body = '{"metadata":{"name":"warned"},"dada":{}}';
    expect((await call('POST', MAPS, { body, headers: json })).headers.warning).toBe(
      '299 - "unknown field \\"dada\\""',
    );
    expect((await call('POST', `${MAPS}?fieldValidation=Strict`, { body, headers: json })).body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dada"',
    );
  });

  it('keep to resourceVersion and delete in collections', async () => {
    const made = await call('POST', MAPS, { body: JSON.stringify(map('c1', {}, { c: '1' })), headers: json });
    await call('POST', MAPS, { body: JSON.stringify(map('c2', {}, { c: '1' })), headers: json });
    const next = { ...made.body, data: { a: '1' } };
    expect((await call('PUT', `${MAPS}/c1`, { body: JSON.stringify(next), headers: json })).code).toBe(200);
    expect(await call('PUT', `${MAPS}/c1`, { body: JSON.stringify(next), headers: json })).toMatchObject({
      code: 409,
      body: { reason: 'Conflict' },
    });
    expect((await call('DELETE', `${MAPS}?labelSelector=c=1`)).body.items).toHaveLength(2);
    expect((await call('GET', `${MAPS}?labelSelector=c=1`)).body.items).toEqual([]);
  });

  it('delete with a Status that names what is gone', async () => {
    const made = await call('POST', MAPS, { body: JSON.stringify(map('gone')), headers: json });
    const { uid } = made.body.metadata;
    const answer = await call('DELETE', `${MAPS}/gone`, { body: '{"preconditions":{"uid":"other"}}', headers: json });
    expect(answer.code).toBe(409);
    expect((await call('DELETE', `${MAPS}/gone`)).body).toMatchObject({
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps', uid },
    });
  });
});

describe('representations', () => {
  it('serve events under both groups, YAML, metadata alone, and a document for every group', async () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p' },
      message: 'hello',
    };
    await call('POST', '/api/v1/namespaces/default/events', { body: JSON.stringify(event), headers: json });
    const other = await call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e');
    expect(other.body).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'hello', regarding: { name: 'p' } });
    const yaml = await call('GET', '/api/v1/namespaces/default', { headers: { accept: 'application/yaml' } });
    expect(yaml.text).toContain('kind: Namespace\n');
    const partial = await call('GET', MAPS, {
      headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
    });
    expect(partial.body.kind).toBe('PartialObjectMetadataList');
    const groups = await call('GET', '/apis');
    const index = await call('GET', '/openapi/v3');
    const wanted = [
      'api/v1',
      ...groups.body.groups.map(
        (g: { preferredVersion: { groupVersion: string } }) => `apis/${g.preferredVersion.groupVersion}`,
      ),
    ];
    expect(Object.keys(index.body.paths)).toEqual(wanted);
    for (const path of wanted) {
      const document = await call('GET', index.body.paths[path].serverRelativeURL);
      const refs = [...document.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((m) => m[1] ?? '');
      expect(refs.filter((r) => !Object.hasOwn(document.body.components.schemas, r))).toEqual([]);
    }
  });
});
