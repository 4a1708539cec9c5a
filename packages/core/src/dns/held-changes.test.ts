import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/meta.ts';
import { RESOURCES } from '../store/key.ts';
import type { StoreEvent } from '../store/store.ts';
import { HeldChanges } from './held-changes.ts';

const object = (name: string, revision: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, resourceVersion: String(revision) },
});
const change = (name: string, revision: number, previous?: KubeObject): StoreEvent => ({
  type: 'MODIFIED',
  key: { ...RESOURCES.services, namespace: 'ns', name },
  object: object(name, revision),
  revision,
  ...(previous ? { previous } : {}),
});

describe('HeldChanges', () => {
  it('lets changes through, holds them back, and then gives the latest of each object', () => {
    const seen: StoreEvent[] = [];
    const changes = new HeldChanges((event) => seen.push(event));
    changes.push(change('a', 1));
    expect(seen.map((e) => e.revision)).toEqual([1]);
    changes.hold(true);
    changes.push(change('a', 2, object('a', 1)));
    changes.push(change('b', 3));
    changes.push(change('a', 4, object('a', 2)));
    expect(seen).toHaveLength(1);
    expect(changes.size).toBe(2);
    changes.hold(false);
    expect(seen.slice(1).map((e) => [e.key.name, e.revision])).toEqual([
      ['b', 3],
      ['a', 4],
    ]);
    expect(seen.at(-1)?.previous?.metadata.resourceVersion).toBe('1');
    changes.hold(false);
    changes.push(change('c', 5));
    expect(seen).toHaveLength(4);
    expect(changes.size).toBe(0);
  });
});
