/** 32-bit numbers for service ports and endpoints: the values of `ct mark` and `meta mark` in the rules. */

/** Bit that asks for masquerading (Kubernetes' mark bit 14). No number handed out here has it set. */
export const MASQUERADE_BIT = 0x4000;

/** FNV-1a, 32 bits, over UTF-16 units. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** `id`, or the next number up that has the masquerade bit clear. */
function withoutBit(id: number): number {
  return (id & MASQUERADE_BIT ? (id | (MASQUERADE_BIT - 1)) + 1 : id) >>> 0;
}

/**
 * Numbers by name. A number follows from the name, so that an agent that starts anew finds the same ones in the kernel;
 * only names that collide depend on who came first. 0 is never given.
 */
export class Identifiers {
  readonly #byName = new Map<string, number>();
  readonly #taken = new Map<number, string>();

  /** The number of `name`, given out now if it has none. */
  of(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    let id = withoutBit(fnv1a(name));
    while (id === 0 || this.#taken.has(id)) id = withoutBit(id + 1);
    this.#byName.set(name, id);
    this.#taken.set(id, name);
    return id;
  }

  /** Gives the number of `name` back. */
  release(name: string): void {
    const id = this.#byName.get(name);
    if (id === undefined) return;
    this.#byName.delete(name);
    this.#taken.delete(id);
  }

  /** Numbers given out. */
  get size(): number {
    return this.#byName.size;
  }
}
