import type { ExitCode } from '@svclab/lab';
import { CommanderError } from 'commander';

/** gRPC status of a mistake the user can mend. */
const INVALID_ARGUMENT = 3;
/** The machine or the lab lacks something. */
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

/** Says what went wrong on stderr and returns the exit code. */
export function report(error: unknown): ExitCode {
  // commander has written its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const e = error as {
    name?: string;
    message?: string;
    exitCode?: ExitCode;
    code?: unknown;
    details?: string;
    stack?: string;
  };
  if (e.name === 'AbortError') return 130;
  if (e.name === 'LabError' && e.exitCode !== undefined) return said(e.message ?? '', e.exitCode);
  if (e.name === 'ClientError' && e.code === INVALID_ARGUMENT) return said(e.details ?? '', 2);
  if (e.name === 'ClientError' && e.code === FAILED_PRECONDITION) return said(e.details ?? '', 4);
  if (e.name === 'ClientError' && e.code === UNAVAILABLE)
    return said(`The lab's supervisor does not answer: ${e.details ?? ''}`, 4);
  return said(
    process.env.SVCLAB_DEBUG
      ? (e.stack ?? String(error))
      : `${e.message ?? String(error)} (SVCLAB_DEBUG=1 shows where)`,
    4,
  );
}

function said(message: string, code: ExitCode): ExitCode {
  process.stderr.write(`svclab: ${message}\n`);
  return code;
}
