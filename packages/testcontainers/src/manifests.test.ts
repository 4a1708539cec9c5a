import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestText } from './manifests.ts';
import { faultTarget } from './target.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'svc-manifests-'));
  writeFileSync(join(dir, 'b.yaml'), 'kind: B\n');
  writeFileSync(join(dir, 'a.yml'), 'kind: A\n');
  writeFileSync(join(dir, 'notes.txt'), 'no manifest');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('manifestText', () => {
  it('reads a file', () => {
    expect(manifestText(join(dir, 'b.yaml'))).toBe('kind: B\n');
  });
  it('reads the manifests of a directory, in order', () => {
    expect(manifestText(dir)).toBe('kind: A\n\n---\nkind: B\n');
  });
  it.each(['kind: A\n', 'kind: A', 'apiVersion: v1', '{"kind":"A"}', '---\nkind: A\n'])('takes %j as text', (text) => {
    expect(manifestText(text)).toBe(text);
  });
  it('takes an object', () => {
    expect(manifestText({ kind: 'A' })).toBe('{"kind":"A"}');
  });
  it('says what is not there', () => {
    expect(() => manifestText('web.yaml')).toThrow(/Manifest web.yaml is not there/);
    rmSync(join(dir, 'a.yml'));
    rmSync(join(dir, 'b.yaml'));
    expect(() => manifestText(dir)).toThrow(/holds no manifest/);
  });
});

describe('faultTarget', () => {
  it.each([
    ['node-2', 'node/node-2'],
    ['dns-1', 'dns/1'],
    ['controller-1', 'controller/1'],
    ['announcer/node-1', 'announcer/node-1'],
    ['owner/shop/web', 'owner/shop/web'],
  ])('%s is %s', (given, target) => {
    expect(faultTarget(given)).toBe(target);
  });
});
