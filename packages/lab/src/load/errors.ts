/** Faults of the load host that end the run. */

/** The script needs something that only k6 has, or is not valid: exit code 2. The message names it and says what would do. */
export class ScriptError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ScriptError';
  }
}
