import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../patch/merge-patch.ts';
import { type ManagedFieldsEntry, recordUpdate, serverSideApply } from './managed-fields.ts';

const applier = (manager: string, force = false) => ({
  manager,
  apiVersion: 'v1',
  time: '2026-01-01T00:00:00Z',
  force,
});

function apply(
  type: string,
  live: JsonObject,
  managed: readonly ManagedFieldsEntry[],
  config: JsonObject,
  who: string,
  force = false,
) {
  const result = serverSideApply(type, live, managed, config, applier(who, force));
  if ('conflicts' in result) throw new Error(result.conflicts.map((c) => `${c.manager} ${c.field}`).join(', '));
  return result;
}

describe('serverSideApply', () => {
  const T = 'core.v1.Service';
  it('merges lists by their keys and drops what an applier no longer sets', () => {
    const a = apply(T, {}, [], { spec: { ports: [{ port: 80, name: 'a' }], type: 'NodePort' } }, 'a');
    const b = apply(T, a.object, a.managed, { spec: { ports: [{ port: 81, name: 'b' }] } }, 'b');
    expect(b.object).toEqual({
      spec: {
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'b' },
        ],
        type: 'NodePort',
      },
    });
    const c = apply(T, b.object, b.managed, { spec: { type: 'NodePort' } }, 'a');
    expect(c.object).toEqual({ spec: { ports: [{ port: 81, name: 'b' }], type: 'NodePort' } });
  });

  it('names conflicting fields and their managers, and takes them by force', () => {
    const a = apply(T, {}, [], { spec: { type: 'NodePort', selector: { x: '1' } } }, 'a');
    expect(() => apply(T, a.object, a.managed, { spec: { type: 'ClusterIP', selector: { x: '2' } } }, 'b')).toThrow(
      'a .spec.type, a .spec.selector',
    );
    const b = apply(T, a.object, a.managed, { spec: { type: 'ClusterIP' } }, 'b', true);
    expect(b.object).toMatchObject({ spec: { type: 'ClusterIP' } });
    expect(b.managed.find((e) => e.manager === 'a')?.fieldsV1).toEqual({ 'f:spec': { 'f:selector': {} } });
  });

  it('shares a field that two set alike, and keeps it until both let go', () => {
    const a = apply(T, {}, [], { spec: { type: 'NodePort', externalName: 'x' } }, 'a');
    const b = apply(T, a.object, a.managed, { spec: { type: 'NodePort' } }, 'b');
    const c = apply(T, b.object, b.managed, { spec: { externalName: 'x' } }, 'a');
    expect(c.object).toMatchObject({ spec: { type: 'NodePort' } });
    const d = apply(T, c.object, c.managed, { spec: {} }, 'b');
    expect(d.object).toEqual({ spec: { externalName: 'x' } });
  });

  it('keeps defaults that nobody applied', () => {
    const a = apply(T, {}, [], { spec: { type: 'NodePort' } }, 'a');
    const withDefault = { spec: { ...(a.object.spec as object), sessionAffinity: 'None' } };
    expect(apply(T, withDefault, a.managed, { spec: { type: 'NodePort' } }, 'a').object).toEqual(withDefault);
  });
});

describe('recordUpdate', () => {
  it('gives a writer what it changed and takes it from others', () => {
    const T = 'core.v1.ConfigMap';
    const a = apply(T, {}, [], { data: { k: '1', l: '1' } }, 'a');
    const managed = recordUpdate(T, a.object, { data: { k: '2', l: '1' } }, a.managed, {
      manager: 'w',
      apiVersion: 'v1',
      time: 't',
    });
    expect(managed.map((e) => [e.manager, e.operation, e.fieldsV1])).toEqual([
      ['a', 'Apply', { 'f:data': { '.': {}, 'f:l': {} } }],
      ['w', 'Update', { 'f:data': { 'f:k': {} } }],
    ]);
    expect(recordUpdate(T, a.object, a.object, managed, { manager: 'w', apiVersion: 'v1', time: 'u' })).toBe(managed);
  });
});
