/** One line of a container's log. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  /** Without its newline. */
  readonly line: string;
}

/** Bytes a container's log may hold; the oldest lines go first. */
export const LOG_CAPACITY = 1 << 20;
/** What a line costs beside its text. */
const LINE_OVERHEAD = 32;

/** The log of one run of a container, bounded. */
export class LogRing {
  readonly #capacity: number;
  #lines: LogLine[] = [];
  #first = 0;
  #bytes = 0;
  #closed = false;
  readonly #followers = new Set<(line: LogLine | undefined) => void>();

  constructor(capacity = LOG_CAPACITY) {
    this.#capacity = capacity;
  }

  /** Adds a line. */
  append(line: LogLine): void {
    this.#lines.push(line);
    this.#bytes += line.line.length + LINE_OVERHEAD;
    while (this.#bytes > this.#capacity && this.#first < this.#lines.length - 1) {
      this.#bytes -= (this.#lines[this.#first] as LogLine).line.length + LINE_OVERHEAD;
      this.#first++;
    }
    // Cut the dead head off only when it is half of the array, so that adding stays cheap.
    if (this.#first > 1024 && this.#first * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    for (const follower of this.#followers) follower(line);
  }

  /** Says that no line follows: ends all followers. */
  close(): void {
    this.#closed = true;
    for (const follower of this.#followers) follower(undefined);
    this.#followers.clear();
  }

  /**
   * The lines held, oldest first.
   * @param options.tail only the last so many; negative or absent: all
   * @param options.sinceWallMs only from this instant on
   */
  read(options: { readonly tail?: number; readonly sinceWallMs?: number } = {}): LogLine[] {
    const since = options.sinceWallMs ?? 0;
    let lines = this.#lines.slice(this.#first);
    if (since > 0) lines = lines.filter((l) => l.wallMs >= since);
    const tail = options.tail ?? -1;
    return tail < 0 ? lines : lines.slice(Math.max(0, lines.length - tail));
  }

  /** Calls `fn` for each line to come, and once with undefined at the end. Returns how to stop. */
  follow(fn: (line: LogLine | undefined) => void): () => void {
    if (this.#closed) {
      fn(undefined);
      return () => undefined;
    }
    this.#followers.add(fn);
    return () => void this.#followers.delete(fn);
  }
}
