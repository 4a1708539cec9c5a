/** Which representation an answer has. Source: k8s.io/apiserver `pkg/endpoints/handlers/negotiation`. */
import { notAcceptable } from '@svclab/core';

/** The form of an answer. */
export interface Form {
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata';
  readonly encoding: 'json' | 'yaml';
}

/** One entry of an Accept header. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const SUPPORTED = ['application/json', 'application/yaml'];

/** Entries of an Accept header in order of preference: by q, then as written. */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  const entries = (header === undefined || header.trim() === '' ? '*/*' : header).split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((p) => p.trim());
    const parameters = new Map(rest.map((p): [string, string] => splitPair(p)));
    return { type: type.toLowerCase(), parameters, q: Number(parameters.get('q') ?? 1) };
  });
  return entries.filter((e) => e.q > 0).sort((a, b) => b.q - a.q);
}

function splitPair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0
    ? [text, '']
    : [
        text.slice(0, at).trim(),
        text
          .slice(at + 1)
          .trim()
          .replace(/^"|"$/g, ''),
      ];
}

/** Picks the form of an answer about objects. Fails with 406 when the client takes nothing that can be had. */
export function negotiate(header: string | undefined): Form {
  for (const { type, parameters } of parseAccept(header)) {
    const encoding = type === 'application/yaml' ? 'yaml' : 'json';
    if (![...SUPPORTED, '*/*', 'application/*'].includes(type)) continue;
    const as = parameters.get('as');
    if (as === undefined) return { as: 'object', encoding };
    if (parameters.get('g') !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(parameters.get('v') ?? '')) continue;
    if (as === 'Table') return { as: 'Table', encoding };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { as: 'PartialObjectMetadata', encoding };
  }
  throw notAcceptable(SUPPORTED);
}
