/** Reads what `nft -j list table ip svclab-proxy` prints. */
import { ELEMENT_SETS, type ElementSet, sharedChain } from './layout.ts';
import { emptyElements, type TableElements } from './rules-table.ts';

/** A table as nft listed it. */
export interface TableListing {
  readonly elements: TableElements;
  /** Chains whose names are those of shared chains, with their rules as text that can be compared. */
  readonly shared: ReadonlyMap<string, string>;
  /** Everything else of the table (sets, maps, other chains, rules) as text that can be compared with another listing of the same nft. */
  readonly structure: string;
}

const PROTOCOLS: Readonly<Record<string, string>> = { tcp: '6', udp: '17', sctp: '132' };

/**
 * Parses a listing. Two tables of the same design listed by the same nft have equal `structure`, whatever their elements.
 * Fails with SyntaxError when it is no JSON, TypeError when it is no listing.
 */
export function parseListing(json: string): TableListing {
  const objects = (JSON.parse(json) as { nftables?: unknown }).nftables;
  if (!Array.isArray(objects)) throw new TypeError('Listing has no "nftables" array');
  const elements = emptyElements();
  const chains = new Map<string, unknown[]>();
  const structure: string[] = [];
  for (const entry of objects as Record<string, Record<string, unknown>>[]) {
    const [kind, object] = Object.entries(entry)[0] ?? [];
    if (!kind || !object || kind === 'metainfo') continue;
    if (kind === 'set' || kind === 'map') structure.push(takeSet(kind, object, elements));
    else if (kind === 'chain')
      chains.set(String(object.name), [without(object, 'handle'), ...(chains.get(String(object.name)) ?? [])]);
    else if (kind === 'rule') {
      const chain = String(object.chain);
      chains.set(chain, [...(chains.get(chain) ?? []), object.expr]);
    } else structure.push(JSON.stringify([kind, without(object, 'handle')]));
  }
  const shared = new Map<string, string>();
  for (const [name, parts] of chains) {
    if (sharedChain(name)) shared.set(name, JSON.stringify(parts));
    else structure.push(JSON.stringify([name, parts]));
  }
  return { elements, shared, structure: structure.sort().join('\n') };
}

/** Puts a set's elements into `elements` and returns the rest as text. */
function takeSet(kind: string, object: Readonly<Record<string, unknown>>, elements: TableElements): string {
  const name = String(object.name);
  if (Object.hasOwn(ELEMENT_SETS, name)) {
    const into = elements[name as ElementSet];
    for (const element of (object.elem as unknown[] | undefined) ?? []) {
      if (kind === 'map' && Array.isArray(element)) into.set(text(element[0]), text(element[1]));
      else into.set(text(element), '');
    }
  }
  return JSON.stringify([kind, without(without(object, 'handle'), 'elem')]);
}

function text(value: unknown): string {
  if (typeof value === 'string') return PROTOCOLS[value] ?? value;
  if (typeof value !== 'object' || value === null) return String(value);
  const [kind, inner] = Object.entries(value)[0] ?? [];
  if (kind === 'concat') return (inner as unknown[]).map(text).join(' . ');
  if (kind === 'elem') return text((inner as { val: unknown }).val);
  if (kind === 'goto' || kind === 'jump') return `${kind} ${(inner as { target: string }).target}`;
  return JSON.stringify(value);
}

function without(object: Readonly<Record<string, unknown>>, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([k]) => k !== key));
}
