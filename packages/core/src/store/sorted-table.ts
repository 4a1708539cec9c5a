import type { KubeObject } from '../api/meta.ts';

/** Objects of one namespace: two arrays in step, sorted by name. */
interface Shelf {
  readonly names: string[];
  readonly objects: KubeObject[];
}

/** The objects of one resource, kept in the order a list returns them: by namespace, then by name, in code unit order. */
export class SortedTable {
  readonly #shelves = new Map<string, Shelf>();
  readonly #namespaces: string[] = [];

  get(namespace: string, name: string): KubeObject | undefined {
    const shelf = this.#shelves.get(namespace);
    if (!shelf) return undefined;
    const at = lowerBound(shelf.names, name);
    return shelf.names[at] === name ? shelf.objects[at] : undefined;
  }

  /** Stores the object under its name; returns what was there before. */
  set(namespace: string, name: string, object: KubeObject): KubeObject | undefined {
    let shelf = this.#shelves.get(namespace);
    if (!shelf) {
      shelf = { names: [], objects: [] };
      this.#shelves.set(namespace, shelf);
      this.#namespaces.splice(lowerBound(this.#namespaces, namespace), 0, namespace);
    }
    const at = lowerBound(shelf.names, name);
    if (shelf.names[at] === name) {
      const previous = shelf.objects[at];
      shelf.objects[at] = object;
      return previous;
    }
    shelf.names.splice(at, 0, name);
    shelf.objects.splice(at, 0, object);
    return undefined;
  }

  /** Removes and returns the object. */
  remove(namespace: string, name: string): KubeObject | undefined {
    const shelf = this.#shelves.get(namespace);
    if (!shelf) return undefined;
    const at = lowerBound(shelf.names, name);
    if (shelf.names[at] !== name) return undefined;
    const [previous] = shelf.objects.splice(at, 1);
    shelf.names.splice(at, 1);
    if (shelf.names.length === 0) {
      this.#shelves.delete(namespace);
      this.#namespaces.splice(lowerBound(this.#namespaces, namespace), 1);
    }
    return previous;
  }

  /** Where the objects are. */
  keys(): { readonly namespace: string; readonly name: string }[] {
    return this.#namespaces.flatMap((namespace) =>
      (this.#shelves.get(namespace)?.names ?? []).map((name) => ({ namespace, name })),
    );
  }

  /** A copy of the objects in order, of one namespace if given. */
  list(namespace?: string): KubeObject[] {
    if (namespace !== undefined) return this.#shelves.get(namespace)?.objects.slice() ?? [];
    return this.#namespaces.flatMap((n) => this.#shelves.get(n)?.objects ?? []);
  }
}

/** Index of the first element that is not less than `text`. */
function lowerBound(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
