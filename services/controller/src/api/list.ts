/** Lists, whole and in pages. Source: k8s.io/apiserver `pkg/storage/continue.go`, `pkg/storage/cacher`. */
import {
  badRequest,
  type Cache,
  ExpiredError,
  expired,
  type KubeObject,
  TimeoutError,
  tooLargeResourceVersion,
} from '@svclab/core';
import type { Definition } from '../registry/definition.ts';
import type { ListMeta } from './represent.ts';
import type { Selection } from './selection.ts';

/** Longest wait for a resourceVersion that has not arrived, milliseconds. Source: k8s.io/apiserver cacher (blockTimeout). */
const WAIT_MS = 3000;

/** A page of a list. */
export interface Page {
  readonly items: readonly KubeObject[];
  readonly meta: ListMeta;
}

/** Parses a resourceVersion parameter; undefined when it is empty. Fails with 400. */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version: ${JSON.stringify(text)}: must be a decimal number`);
}

/** Waits until the cache has reached a revision. Fails with 504 ResourceVersionTooLarge. */
export async function waitForRevision(cache: Cache, revision: number): Promise<void> {
  if (cache.revision >= revision) return;
  try {
    await cache.waitFor(revision, WAIT_MS);
  } catch (error) {
    if (error instanceof TimeoutError) throw tooLargeResourceVersion(revision, cache.revision);
    throw error;
  }
}

/**
 * Lists what the selection matches. Pages go on from a name, so a later page shows the present state behind that name; its
 * resourceVersion stays that of the first page, and a watch from there tells what changed in between.
 */
export async function list(
  cache: Cache,
  definition: Definition,
  selection: Selection,
  query: URLSearchParams,
): Promise<Page> {
  const asked = parseRevision(query.get('resourceVersion'));
  const match = query.get('resourceVersionMatch') ?? '';
  const limit = Math.max(0, Number(query.get('limit') ?? 0) || 0);
  const token = query.get('continue') ?? '';
  if (match !== '' && asked === undefined)
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (asked !== undefined) await waitForRevision(cache, asked);
  const from = token === '' ? undefined : decodeContinue(token);
  const ref = definition.view?.storage ?? definition;
  const revision = from?.revision ?? cache.revision;
  if (match === 'Exact' && asked !== undefined && asked !== cache.revision) {
    if (changedSince(cache, definition, asked))
      throw expired(`The provided resource version ${asked} is too old to be listed exactly`);
  }
  if (from && !stillKnown(cache, definition, from.revision))
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  const all = cache.list(ref, selection.namespace).filter((o) => selection.matches(o));
  const rest = from ? all.filter((o) => compareKeys(keyText(o), from.start) > 0) : all;
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const remaining = rest.length - items.length;
  const last = items.at(-1);
  return {
    items,
    meta: {
      resourceVersion: String(revision),
      ...(remaining > 0 && last ? { continue: encodeContinue(revision, keyText(last)) } : {}),
      ...(remaining > 0 && !selection.narrowed ? { remainingItemCount: remaining } : {}),
    },
  };
}

function changedSince(cache: Cache, definition: Definition, revision: number): boolean {
  try {
    return cache.since(definition.view?.storage ?? definition, revision).length > 0;
  } catch (error) {
    if (error instanceof ExpiredError) return true;
    throw error;
  }
}

function stillKnown(cache: Cache, definition: Definition, revision: number): boolean {
  try {
    cache.since(definition.view?.storage ?? definition, revision);
    return true;
  } catch (error) {
    if (error instanceof ExpiredError) return false;
    throw error;
  }
}

const keyText = (o: KubeObject): string => `${o.metadata.namespace ?? ''}/${o.metadata.name}`;

/** By namespace, then name, in code unit order, as the cache lists. */
function compareKeys(a: string, b: string): number {
  const [an = '', aName = ''] = a.split('/');
  const [bn = '', bName = ''] = b.split('/');
  if (an !== bn) return an < bn ? -1 : 1;
  return aName < bName ? -1 : aName > bName ? 1 : 0;
}

function encodeContinue(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

function decodeContinue(token: string): { readonly revision: number; readonly start: string } {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { rv?: unknown; start?: unknown };
    if (typeof value.rv === 'number' && typeof value.start === 'string')
      return { revision: value.rv, start: value.start };
  } catch {
    // Falls through to the same answer as a token of another shape.
  }
  throw badRequest('continue key is not valid: it must be a token returned by a previous list');
}
