/** Faults of the load host that end the run. */

/** The script needs something that only k6 has, or is not valid: exit code 2. The message names it and says what would do. */
export class ScriptError extends Error {
  /** A word of the script near which the fault is, or the path of an option; for its line. Empty when there is none. */
  readonly near: string;

  constructor(message: string, near = '') {
    super(message);
    this.name = 'ScriptError';
    this.near = near;
  }
}
