import { type ApiError, structType, wireMessage, wireTypeOf } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { parseProtobuf } from './protobuf.ts';

/** A field with a length: text, bytes, or a message. */
function bytes(number: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts.map((p) => Buffer.from(p as string)));
  return Buffer.concat([varint((number << 3) | 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return Buffer.from([...out, rest]);
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);

/** runtime.Unknown around an object. */
const unknown = (apiVersion: string, kind: string, ...object: readonly Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0', 'latin1'),
    bytes(1, bytes(1, apiVersion), bytes(2, kind)),
    bytes(2, ...object),
    bytes(3),
    bytes(4),
  ]);

const meta = (name: string): Buffer => bytes(1, bytes(1, name), bytes(2, ''), number(7, 0), bytes(8));

function refusal(body: Buffer): ApiError {
  try {
    parseProtobuf(body);
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('The body was taken');
}

describe('a protobuf body', () => {
  it('is what the same object is in JSON: zero time, empty text and zero numbers are unset', () => {
    expect(parseProtobuf(unknown('v1', 'Namespace', meta('a'), bytes(2), bytes(3, bytes(1, ''))))).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a' },
      spec: {},
      status: {},
    });
  });

  it('keeps zero where Go has a pointer', () => {
    const spec = bytes(2, number(1, 0), number(5, 0), number(9, 0));
    expect(parseProtobuf(unknown('apps/v1', 'Deployment', meta('a'), spec)).spec).toEqual({
      replicas: 0,
      progressDeadlineSeconds: 0,
    });
  });

  it('reads maps, bytes, and keys that name a prototype', () => {
    const entry = (key: string, value: string): Buffer => bytes(2, bytes(1, key), bytes(2, value));
    const map = parseProtobuf(
      unknown('v1', 'ConfigMap', meta('a'), entry('k', 'v'), entry('__proto__', 'x'), bytes(2)),
    );
    expect(Object.entries(map.data as object)).toEqual([
      ['k', 'v'],
      ['__proto__', 'x'],
      ['', ''],
    ]);
    const secret = parseProtobuf(
      unknown('v1', 'Secret', meta('a'), bytes(2, bytes(1, 'k'), bytes(2, 'hello')), bytes(3, 'Opaque')),
    );
    expect(secret).toMatchObject({ data: { k: 'aGVsbG8=' }, type: 'Opaque' });
  });

  it('puts the fields of inlined messages where JSON has them, and reads ports that are numbers or names', () => {
    const port = (...parts: Buffer[]): Buffer => bytes(2, ...parts);
    const httpGet = bytes(2, bytes(1, '/healthz'), port(number(1, 0), number(2, 8080), bytes(3, '')));
    const named = bytes(2, bytes(1, '/'), port(number(1, 1), number(2, 0), bytes(3, 'http')));
    const container = bytes(2, bytes(1, 'c'), bytes(10, bytes(1, httpGet), number(2, 3)), bytes(11, bytes(1, named)));
    const volume = bytes(1, bytes(1, 'v'), bytes(2, bytes(2, bytes(1, ''))));
    const pod = parseProtobuf(unknown('v1', 'Pod', meta('a'), bytes(2, volume, container)));
    expect(pod.spec).toEqual({
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'c',
          livenessProbe: { httpGet: { path: '/healthz', port: 8080 }, initialDelaySeconds: 3 },
          readinessProbe: { httpGet: { path: '/', port: 'http' } },
        },
      ],
    });
  });

  it('reads times, and quantities', () => {
    const at = bytes(1, bytes(1, 'a'), bytes(9, number(1, 1_767_225_600), number(2, 5)));
    expect(parseProtobuf(unknown('v1', 'Pod', at)).metadata).toEqual({
      name: 'a',
      deletionTimestamp: '2026-01-01T00:00:00Z',
    });
    const limits = bytes(1, bytes(1, 'cpu'), bytes(2, bytes(1, '100m')));
    const pod = parseProtobuf(unknown('v1', 'Pod', bytes(2, bytes(2, bytes(8, limits)))));
    expect(pod.spec).toEqual({ containers: [{ resources: { limits: { cpu: '100m' } } }] });
  });

  it('skips numbers it does not know', () => {
    const body = unknown('v1', 'Namespace', meta('a'), bytes(900, 'later'), number(901, 7));
    expect(parseProtobuf(body)).toMatchObject({ metadata: { name: 'a' } });
  });

  it.each([
    ['no magic', Buffer.from('{"kind":"Pod"}'), 'expected prefix'],
    ['only the magic', Buffer.from('k8s\0', 'latin1'), "couldn't get version/kind"],
    ['a length beyond the end', unknown('v1', 'Pod', meta('a')).subarray(0, 25), 'unable to decode'],
    ['a kind nobody knows', unknown('v1', 'Nothing', meta('a')), 'no kind "Nothing" is registered for version "v1"'],
    ['a number where a message is needed', unknown('v1', 'Pod', number(2, 5)), 'unable to decode'],
    ['text that is not UTF-8', unknown('v1', 'Pod', bytes(1, bytes(1, Buffer.from([0xff, 0xfe])))), 'unable to decode'],
    ['junk', Buffer.concat([Buffer.from('k8s\0', 'latin1'), Buffer.alloc(64, 0xff)]), 'unable to decode'],
  ])('with %s is refused with 400', (_, body, text) => {
    const error = refusal(body);
    expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(error.message).toContain(text);
  });
});

describe('the table of numbers', () => {
  it.each([
    'v1 Pod',
    'v1 Service',
    'apps/v1 Deployment',
    'events.k8s.io/v1 Event',
    'autoscaling/v1 Scale',
    'apps/v1 DeleteOptions',
  ])('has every field of every type in %s', (text) => {
    const [apiVersion = '', kind = ''] = text.split(' ');
    const seen = new Set<string>();
    const visit = (type: string): void => {
      if (seen.has(type)) return;
      seen.add(type);
      const names = namesOf(type);
      for (const [name, field] of structType(type).fields) {
        if (name !== 'apiVersion' && name !== 'kind') expect(names, `${type} ${name}`).toContain(name);
        let inner = field.type;
        while (inner.kind === 'list' || inner.kind === 'map') inner = inner.item;
        if (inner.kind === 'struct') visit(inner.type);
      }
    };
    visit(wireTypeOf(apiVersion, kind));
  });
});

function namesOf(type: string): string[] {
  return [...(wireMessage(type) ?? []).values()].flatMap((f) => (f.kind === 'inline' ? namesOf(f.message) : [f.name]));
}
