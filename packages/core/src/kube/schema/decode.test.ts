import { describe, expect, it } from 'vitest';
import { decode } from './decode.ts';
import { duplicateKeys } from './duplicates.ts';

describe('decode', () => {
  it('keeps known fields, reports unknown ones, and drops null and empty collections', () => {
    const { value, unknown, problems } = decode('core.v1.Service', {
      kind: 'Service',
      metadata: { name: 'a', creationTimestamp: null, labels: {}, nme: 'x' },
      spec: { ports: [{ port: 80, prt: 1 }], selector: { any: 'thing' }, externalIPs: [] },
      foo: 1,
    });
    expect(value).toEqual({
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: [{ port: 80 }], selector: { any: 'thing' } },
    });
    expect(unknown).toEqual(['metadata.nme', 'spec.ports[0].prt', 'foo']);
    expect(problems).toEqual([]);
  });

  it.each([
    [
      { spec: { ports: [{ port: '80' }] } },
      'spec.ports[0].port',
      'json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      { spec: { ports: [{ port: 80.5 }] } },
      'spec.ports[0].port',
      'json: cannot unmarshal number 80.5 into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      { spec: { ports: {} } },
      'spec.ports',
      'json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort',
    ],
    [{ spec: [] }, 'spec', 'json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec'],
    [
      { metadata: { labels: { a: 1 } } },
      'metadata.labels.a',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      { spec: { publishNotReadyAddresses: 'yes' } },
      'spec.publishNotReadyAddresses',
      'json: cannot unmarshal string into Go struct field ServiceSpec.spec.publishNotReadyAddresses of type bool',
    ],
  ])('words wrong types as upstream: %j', (value, path, message) => {
    const { problems } = decode('core.v1.Service', value);
    expect(problems[0]).toMatchObject({ path });
    expect(problems[0]?.message).toBe(message);
  });

  it('reads quantities, times and bytes', () => {
    const limits = (value: unknown) => decode('core.v1.Container', { resources: { limits: { cpu: value } } });
    expect(limits(2).value).toEqual({ resources: { limits: { cpu: '2' } } });
    expect(limits('1.5Gi').problems).toEqual([]);
    expect(limits('lots').problems).toHaveLength(1);
    expect(decode('core.v1.Secret', { data: { a: 'YQ==' } }).problems).toEqual([]);
    expect(decode('core.v1.Secret', { data: { a: '*' } }).problems[0]?.message).toBe(
      'illegal base64 data at input byte 0',
    );
    expect(decode('meta.v1.ObjectMeta', { deletionTimestamp: 'soon' }).problems).toHaveLength(1);
  });
});

describe('duplicateKeys', () => {
  it.each([
    ['{"a":1,"b":{"c":1}}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"s":{"r":1, "r" :2},"p":[{"n":1},{"n":1,"n":2}]}', ['s.r', 'p[1].n']],
    ['{"a":"a\\"b","c":"{\\"a\\":1}","a":1}', ['a']],
    ['[[{"a":1,"a":1}]]', ['[0][0].a']],
    ['{"a":[1,"x","x"],"b":[]}', []],
  ])('%s has %j', (json, expected) => expect(duplicateKeys(json)).toEqual(expected));
});
