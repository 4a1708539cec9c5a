/** Errors of the lab library, each with the exit code the CLI gives it. */

/** Exit codes of `svclab`: 0 held, 1 an expectation failed, 2 bad input, 3 inconclusive, 4 environment, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 130;

/** Something a user can mend. The message says what was wrong and what would be right. */
export class LabError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.exitCode = exitCode;
  }
}

/** Bad input (exit code 2). */
export function badInput(message: string): LabError {
  return new LabError(message, 2);
}

/** The machine lacks something (exit code 4). */
export function environmentError(message: string, cause?: unknown): LabError {
  return new LabError(message, 4, cause === undefined ? undefined : { cause });
}
