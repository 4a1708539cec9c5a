import type { StoreEvent } from '../store/store.ts';

/** Changes of the store on their way to those who follow them, which can be held back: of several of one object only the latest is kept. */
export class HeldChanges {
  readonly #deliver: (event: StoreEvent) => void;
  readonly #held = new Map<string, StoreEvent>();
  #holds = false;

  constructor(deliver: (event: StoreEvent) => void) {
    this.#deliver = deliver;
  }

  /** How many objects have changed unseen. */
  get size(): number {
    return this.#held.size;
  }

  /** Takes a change in. */
  push(event: StoreEvent): void {
    if (!this.#holds) {
      this.#deliver(event);
      return;
    }
    const { group, resource, namespace, name } = event.key;
    const id = `${group} ${resource} ${namespace} ${name}`;
    const first = this.#held.get(id);
    // In the order of the latest changes, each compared with what was last seen.
    this.#held.delete(id);
    this.#held.set(id, first ? ({ ...event, previous: first.previous } as StoreEvent) : event);
  }

  /** From now on changes wait, or come through: then what has waited comes first. */
  hold(holds: boolean): void {
    this.#holds = holds;
    if (holds) return;
    const waiting = [...this.#held.values()];
    this.#held.clear();
    for (const event of waiting) this.#deliver(event);
  }
}
