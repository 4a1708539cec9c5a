/** What the API needs from the nodes: logs of a container, and programs run inside one. */

/** Which log is wanted. */
export interface LogOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly follow: boolean;
  /** Last lines only; undefined: all. */
  readonly tailLines?: number;
  /** Only lines younger than this, milliseconds; undefined: all. */
  readonly sinceMs?: number;
  /** The container's life before the last restart. */
  readonly previous: boolean;
}

/** One line of a log. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly wallMs: number;
  readonly line: string;
}

/** What is to be run. */
export interface ExecOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** What goes into a running program. */
export type ExecInput =
  | { readonly kind: 'stdin'; readonly data: Uint8Array }
  | { readonly kind: 'stdin-eof' }
  | { readonly kind: 'resize'; readonly width: number; readonly height: number };

/** What comes out of it. `exit` is last; `error` says why it could not be started. */
export type ExecOutput =
  | { readonly kind: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly kind: 'exit'; readonly code: number; readonly error: string };

/** Access to the pods of every node. Both fail with an Error when the node cannot be reached. */
export interface PodStreams {
  /** Lines of a log; ends with the log, or when `signal` is aborted. */
  logs(node: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Runs a program; `input` may end before it does. */
  exec(
    node: string,
    options: ExecOptions,
    input: AsyncIterable<ExecInput>,
    signal: AbortSignal,
  ): AsyncIterable<ExecOutput>;
}
