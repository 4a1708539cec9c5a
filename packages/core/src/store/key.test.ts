import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKey, encodeKey, type ObjectKey, RESOURCES } from './key.ts';

describe('encodeKey', () => {
  it.each<[ObjectKey, string]>([
    [{ ...RESOURCES.services, namespace: 'default', name: 'web' }, 'core.services.default.web'],
    [{ ...RESOURCES.nodes, namespace: '', name: 'node-1' }, 'core.nodes._.node-1'],
    [
      { ...RESOURCES.allocations, namespace: '', name: 'ip/10.96.0.10' },
      'svclab=2Edev.allocations._.ip=2F10=2E96=2E0=2E10',
    ],
  ])('%j -> %s', (key, text) => {
    expect(encodeKey(key)).toBe(text);
    expect(decodeKey(text)).toEqual(key);
  });

  it('is reversible and one NATS token a part for every printable name', () => {
    const part = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(part, part, (namespace, name) => {
        const key = { ...RESOURCES.pods, namespace: `n${namespace}`, name };
        const text = encodeKey(key);
        expect(text).toMatch(/^[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+){3}$/);
        expect(decodeKey(text)).toEqual(key);
      }),
    );
  });

  it.each(['', 'core', 'core.services.default', 'core.services.default.web.more', 'core..default.web'])(
    'does not decode %j',
    (text) => expect(decodeKey(text)).toBeUndefined(),
  );
});
