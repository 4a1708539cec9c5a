/** The state machine between services and the kernel: what is wanted, what the kernel holds, what must be sent. */
import { compileService, type Element, NO_ELEMENTS, type ServiceElements } from './elements.ts';
import { Identifiers } from './identifiers.ts';
import {
  chainCommands,
  ELEMENT_SETS,
  type ElementSet,
  type PickScope,
  PROXY_TABLE,
  sharedChain,
  tableCommands,
} from './layout.ts';
import type { ProxyNode, ProxyService } from './service-port.ts';

/** Elements of every set: key -> value (empty in sets). */
export type TableElements = Record<ElementSet, Map<string, string>>;

/** A table without elements. */
export function emptyElements(): TableElements {
  return Object.fromEntries(Object.keys(ELEMENT_SETS).map((set) => [set, new Map()])) as unknown as TableElements;
}

/** What a kernel table holds. */
export interface TableState {
  readonly elements: TableElements;
  /** Shared chains that exist, with their right rules. */
  readonly chains: ReadonlySet<string>;
}

/** One step of a transaction; its length is what counts as operations. */
export type Operation =
  | { readonly kind: 'delete'; readonly set: ElementSet; readonly key: string }
  | { readonly kind: 'add'; readonly set: ElementSet; readonly key: string; readonly value: string }
  | { readonly kind: 'chain'; readonly name: string };

/** What to send to the kernel in one transaction. */
export interface Transaction {
  /** Make the table anew first. */
  readonly rebuild: boolean;
  readonly operations: readonly Operation[];
}

/** Whoever wants an element; when several services want the same key, the first by name gets it. */
interface Claim {
  readonly owner: string;
  readonly value: string;
}

/** Elements in one nft command; longer lists only cost the parser memory. */
const ELEMENTS_PER_COMMAND = 1000;

/**
 * Holds what every service wants and what the kernel has, and tells the difference. Only what changed is looked at.
 * Use: `set`/`remove` services, `plan`, send, then `commit` the plan, or after a failure `adopt` what the kernel really holds.
 */
export class RulesTable {
  readonly #identifiers = new Identifiers();
  readonly #services = new Map<string, ServiceElements>();
  readonly #claims = new Map<string, Claim[]>();
  readonly #nameUses = new Map<string, number>();
  #touched = new Map<string, Element>();
  #kernel: TableState | undefined;
  #chains = new Set<string>();

  /** Number of services with rules. */
  get services(): number {
    return this.#services.size;
  }

  /** Wants the rules of a service; undefined for one that needs none. `owner` is its `namespace/name`. */
  set(owner: string, service: ProxyService | undefined): void {
    const before = this.#services.get(owner) ?? NO_ELEMENTS;
    const after = service
      ? compileService(service, this.#identifiers, (scope, id) => this.#slots(scope, id))
      : NO_ELEMENTS;
    if (service) this.#services.set(owner, after);
    else this.#services.delete(owner);
    const kept = new Map(after.elements.map((e) => [name(e), e.value]));
    for (const element of before.elements) {
      if (kept.get(name(element)) !== element.value) this.#unclaim(owner, element);
    }
    const known = new Map(before.elements.map((e) => [name(e), e.value]));
    for (const element of after.elements) {
      if (known.get(name(element)) !== element.value) this.#claim(owner, element);
    }
    this.#countNames(before.names, after.names);
  }

  /**
   * What the kernel must be told; nothing when it holds what is wanted. Services may change while the plan is being sent:
   * those changes belong to the next one. Each plan ends in `commit` or `adopt` before the next is made.
   */
  plan(): Transaction {
    const kernel = this.#kernel;
    const touched = this.#touched;
    this.#touched = new Map();
    const elements = kernel?.elements ?? emptyElements();
    const removals: Operation[] = [];
    const additions: Operation[] = [];
    const chains = new Set<string>();
    for (const { set, key } of touched.values()) {
      const has = elements[set].get(key);
      const wants = this.#claims.get(name({ set, key }))?.[0]?.value;
      if (has === wants) continue;
      if (has !== undefined) removals.push({ kind: 'delete', set, key });
      if (wants === undefined) continue;
      additions.push({ kind: 'add', set, key, value: wants });
      const target = /^(?:goto|jump) (.*)$/.exec(wants)?.[1];
      if (target !== undefined && !this.#chains.has(target) && sharedChain(target)) chains.add(target);
    }
    const made = [...chains].map((chain): Operation => ({ kind: 'chain', name: chain }));
    return { rebuild: kernel === undefined, operations: [...removals, ...made, ...additions] };
  }

  /** Notes that the kernel has taken the last plan. */
  commit(transaction: Transaction): void {
    const kernel: TableState = this.#kernel ?? { elements: emptyElements(), chains: new Set() };
    for (const operation of transaction.operations) {
      if (operation.kind === 'chain') this.#chains.add(operation.name);
      else if (operation.kind === 'delete') kernel.elements[operation.set].delete(operation.key);
      else kernel.elements[operation.set].set(operation.key, operation.value);
    }
    this.#kernel = kernel;
  }

  /**
   * Takes what was found in the kernel as the present state; undefined: the table is missing or not as it should be and is made anew.
   * Everything is then compared at the next plan.
   */
  adopt(state: TableState | undefined): void {
    this.#kernel = state;
    this.#chains = new Set(state?.chains ?? []);
    for (const { elements } of this.#services.values())
      for (const element of elements) this.#touched.set(name(element), element);
    if (!state) return;
    for (const set of Object.keys(state.elements) as ElementSet[])
      for (const [key, value] of state.elements[set]) this.#touched.set(name({ set, key }), { set, key, value });
  }

  #slots(scope: PickScope, serviceId: number): number[] {
    const picks = this.#kernel?.elements[`${scope}-picks`];
    const slots: number[] = [];
    for (let index = 0; ; index++) {
      const endpoint = picks?.get(`${serviceId} . ${index}`);
      if (endpoint === undefined) return slots;
      slots.push(Number(endpoint));
    }
  }

  #claim(owner: string, element: Element): void {
    const key = name(element);
    const claims = (this.#claims.get(key) ?? []).filter((c) => c.owner !== owner);
    claims.push({ owner, value: element.value });
    if (claims.length > 1) claims.sort((a, b) => (a.owner < b.owner ? -1 : 1));
    this.#claims.set(key, claims);
    this.#touched.set(key, element);
  }

  #unclaim(owner: string, element: Element): void {
    const key = name(element);
    const claims = (this.#claims.get(key) ?? []).filter((c) => c.owner !== owner);
    if (claims.length > 0) this.#claims.set(key, claims);
    else this.#claims.delete(key);
    this.#touched.set(key, element);
  }

  #countNames(before: readonly string[], after: readonly string[]): void {
    for (const text of after) this.#nameUses.set(text, (this.#nameUses.get(text) ?? 0) + 1);
    for (const text of before) {
      const uses = (this.#nameUses.get(text) ?? 1) - 1;
      if (uses > 0) {
        this.#nameUses.set(text, uses);
        continue;
      }
      this.#nameUses.delete(text);
      this.#identifiers.release(text);
    }
  }
}

function name({ set, key }: { readonly set: ElementSet; readonly key: string }): string {
  return `${set}/${key}`;
}

/** A transaction as input of `nft -f -`; empty when there is nothing to do. */
export function renderTransaction(transaction: Transaction, node: ProxyNode): string {
  const lines: string[] = [];
  if (transaction.rebuild)
    // Adding first makes the deletion succeed whether or not the table is there; the three are one step for packets.
    lines.push(`add table ip ${PROXY_TABLE}`, `delete table ip ${PROXY_TABLE}`, ...tableCommands(node));
  const { operations } = transaction;
  for (const [set, keys] of bySet(operations, 'delete')) lines.push(...elementCommands('delete', set, keys));
  for (const operation of operations) {
    const chain = operation.kind === 'chain' ? sharedChain(operation.name) : undefined;
    if (chain) lines.push(...chainCommands(chain));
  }
  for (const [set, texts] of bySet(operations, 'add')) lines.push(...elementCommands('add', set, texts));
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

function bySet(operations: readonly Operation[], kind: 'add' | 'delete'): Map<ElementSet, string[]> {
  const result = new Map<ElementSet, string[]>();
  for (const operation of operations) {
    if (operation.kind !== kind) continue;
    const text =
      operation.kind === 'add' && operation.value !== '' ? `${operation.key} : ${operation.value}` : operation.key;
    const texts = result.get(operation.set);
    if (texts) texts.push(text);
    else result.set(operation.set, [text]);
  }
  return result;
}

function elementCommands(verb: 'add' | 'delete', set: ElementSet, texts: readonly string[]): string[] {
  const commands: string[] = [];
  for (let i = 0; i < texts.length; i += ELEMENTS_PER_COMMAND)
    commands.push(
      `${verb} element ip ${PROXY_TABLE} ${set} { ${texts.slice(i, i + ELEMENTS_PER_COMMAND).join(', ')} }`,
    );
  return commands;
}
