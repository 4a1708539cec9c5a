/** Where requests wait while a container hangs. */
export class Gate {
  #wait: { readonly promise: Promise<void>; readonly open: () => void } | undefined;

  /** Closes or opens it; opening lets everything through that waits. */
  set(closed: boolean): void {
    if (closed && !this.#wait) {
      let open = (): void => undefined;
      const promise = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#wait = { promise, open };
    } else if (!closed && this.#wait) {
      const { open } = this.#wait;
      this.#wait = undefined;
      open();
    }
  }

  get closed(): boolean {
    return this.#wait !== undefined;
  }

  /** Resolves once it has been found open; undefined when it is now. */
  wait(): Promise<void> | undefined {
    return this.#wait ? this.#untilOpen() : undefined;
  }

  async #untilOpen(): Promise<void> {
    while (this.#wait) await this.#wait.promise;
  }
}
