/** Hands values from callbacks to one async iterator. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  readonly #onEmpty: (() => void) | undefined;

  /** @param onEmpty called when the reader has taken all there was: the moment to let a paused source go on */
  constructor(onEmpty?: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Values not taken yet. */
  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** No value follows; the reader still gets those before. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const items = this.#items;
      this.#items = [];
      yield* items;
      if (this.#items.length > 0) continue;
      if (this.#ended) return;
      this.#onEmpty?.();
      if (this.#items.length > 0 || this.#ended) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
