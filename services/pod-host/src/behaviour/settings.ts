/** Run-time settings of a pod's behaviour, by who made them: taking one back leaves the others. */
export class BehaviourSettings {
  /** Source -> key -> value; the source that set something last comes last. */
  readonly #bySource = new Map<string, Map<string, string>>();

  /**
   * Changes settings of a source, which then counts more than all others.
   * @param settings key -> value; an empty value takes the key back
   * @param reset whether all of the source is taken back first
   */
  set(source: string, settings: ReadonlyMap<string, string>, reset = false): void {
    const mine = new Map(reset ? [] : this.#bySource.get(source));
    for (const [key, value] of settings) {
      if (value === '') mine.delete(key);
      else mine.set(key, value);
    }
    this.#bySource.delete(source);
    if (mine.size > 0) this.#bySource.set(source, mine);
  }

  /** Takes back what has a source: only the user's own settings (source "") stay. */
  resetSources(): void {
    for (const source of [...this.#bySource.keys()]) if (source !== '') this.#bySource.delete(source);
  }

  /** What holds: of several values for a key the latest source's. */
  effective(): ReadonlyMap<string, string> {
    return new Map([...this.#bySource.values()].flatMap((settings) => [...settings]));
  }
}
