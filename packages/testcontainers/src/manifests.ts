import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A manifest: the path of a file or a directory, YAML text, or an object. */
export type ManifestInput = string | object;

/** A manifest as text. Text that spans lines or begins as an object does is taken as it is; anything else is a path. Fails when nothing is there. */
export function manifestText(input: ManifestInput): string {
  if (typeof input !== 'string') return JSON.stringify(input);
  return input.includes('\n') || /^\s*(\{|apiVersion:|kind:)/.test(input) ? input : readPath(input);
}

function readPath(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new Error(`Manifest ${path} is not there: give a file, a directory, YAML text or an object`);
  if (!stat.isDirectory()) return readFileSync(path, 'utf8');
  const files = readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort();
  if (files.length === 0)
    throw new Error(`Directory ${path} holds no manifest: none of its files ends in .yaml, .yml or .json`);
  return joinManifests(files.map((name) => readFileSync(join(path, name), 'utf8')));
}

/** Documents one after the other. */
export function joinManifests(texts: readonly string[]): string {
  return texts.join('\n---\n');
}

/** MetalLB's objects for a pool that is announced on the node LAN. */
export function poolManifests(range: string): object[] {
  const namespace = 'metallb-system';
  return [
    {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: 'default', namespace },
      spec: { addresses: [range] },
    },
    { apiVersion: 'metallb.io/v1beta1', kind: 'L2Advertisement', metadata: { name: 'default', namespace } },
  ];
}
