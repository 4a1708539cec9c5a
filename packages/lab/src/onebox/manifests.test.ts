import { describe, expect, it } from 'vitest';
import { parseManifests } from './manifests.ts';

const config = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

describe('parseManifests', () => {
  it.each([
    ['documents', `${config('a')}---\n${config('b')}`, ['a', 'b']],
    ['empty documents', `---\n\n---\n${config('a')}---\n# nothing\n`, ['a']],
    ['JSON', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}', ['a']],
    [
      'JSON documents',
      `${['a', 'b'].map((name) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })).join('\n---\n')}`,
      ['a', 'b'],
    ],
    [
      'a List',
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n`,
      ['a', 'b'],
    ],
    ['nothing', '', []],
  ])('reads %s', (_, text, names) => {
    expect(parseManifests(text).map((m) => m.metadata.name)).toEqual(names);
  });

  it.each([
    ['bad YAML', `${config('a')}---\na: [`, /Document 2 is no YAML/],
    ['no kind', 'apiVersion: v1\nmetadata: {name: a}\n', /Document 1 is no Kubernetes object: .* kind undefined/],
    ['text', 'hello', /Document 1 is no Kubernetes object/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseManifests(text)).toThrow(message);
  });
});
