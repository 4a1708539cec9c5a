import { describe, expect, it } from 'vitest';
import { mergePatch } from './merge-patch.ts';
import { PatchError, strategicMergePatch } from './strategic-merge-patch.ts';

const service = (ports: unknown[]) => ({ spec: { ports } });
const deployment = (containers: unknown[]) => ({ spec: { template: { spec: { containers } } } });

describe('strategicMergePatch', () => {
  it.each([
    [
      'merges list items by key and keeps the others',
      'core.v1.Service',
      service([{ port: 80, targetPort: 1 }, { port: 81 }]),
      service([{ port: 80, targetPort: 2 }]),
      service([{ port: 80, targetPort: 2 }, { port: 81 }]),
    ],
    [
      'removes items marked for deletion',
      'core.v1.Service',
      service([{ port: 80 }, { port: 81 }]),
      service([{ port: 80, $patch: 'delete' }]),
      service([{ port: 81 }]),
    ],
    [
      'adds items with new keys',
      'core.v1.Service',
      service([{ port: 80 }]),
      service([{ port: 81 }]),
      service([{ port: 80 }, { port: 81 }]),
    ],
    [
      'replaces a list on demand',
      'core.v1.Service',
      service([{ port: 80 }]),
      service([{ $patch: 'replace' }, { port: 81 }]),
      service([{ port: 81 }]),
    ],
    [
      'orders a list as the patch says',
      'apps.v1.Deployment',
      deployment([{ name: 'a' }, { name: 'b' }]),
      {
        spec: {
          template: {
            spec: {
              '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }],
              containers: [{ name: 'c' }],
            },
          },
        },
      },
      deployment([{ name: 'c' }, { name: 'a' }, { name: 'b' }]),
    ],
    [
      'replaces lists without a key',
      'core.v1.PodSpec',
      { tolerations: [{ key: 'a' }] },
      { tolerations: [{ key: 'b' }] },
      { tolerations: [{ key: 'b' }] },
    ],
    [
      'adds to lists of scalars that merge, and takes from them',
      'meta.v1.ObjectMeta',
      { finalizers: ['a', 'b'] },
      { finalizers: ['c'], '$deleteFromPrimitiveList/finalizers': ['a'] },
      { finalizers: ['b', 'c'] },
    ],
    [
      'keeps only named keys with retainKeys',
      'apps.v1.DeploymentSpec',
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      { strategy: { type: 'Recreate' } },
    ],
    [
      'removes with null',
      'core.v1.ConfigMap',
      { data: { a: '1', b: '2' } },
      { data: { a: null } },
      { data: { b: '2' } },
    ],
    [
      'replaces a map on demand',
      'core.v1.ConfigMap',
      { data: { a: '1' } },
      { data: { $patch: 'replace', b: '2' } },
      { data: { b: '2' } },
    ],
    [
      'leaves directives of absent lists out',
      'core.v1.Service',
      {},
      { spec: { '$setElementOrder/ports': [{ port: 1 }] } },
      { spec: {} },
    ],
  ])('%s', (_name, type, target, patch, expected) => {
    const before = structuredClone(target);
    expect(strategicMergePatch(type, target, patch)).toEqual(expected);
    expect(target).toEqual(before);
  });

  it.each([
    [service([{ name: 'x' }]), 'does not contain declared merge key: port'],
    [{ spec: { $patch: 'other' } }, 'Unknown patch type: other'],
  ])('refuses %j', (patch, text) => {
    expect(() => strategicMergePatch('core.v1.Service', service([{ port: 80 }]), patch)).toThrow(PatchError);
    expect(() => strategicMergePatch('core.v1.Service', service([{ port: 80 }]), patch)).toThrow(text);
  });
});

describe('mergePatch', () => {
  // The test cases of RFC 7386, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, expected) => expect(mergePatch(target, patch)).toEqual(expected));
});
