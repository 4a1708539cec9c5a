/** Ctrl-C for commands that have something to take down. */
import { say } from './context.ts';

/** A signal that aborts on the first SIGINT, SIGTERM or SIGHUP. The second ends the process at once. */
export function interruptible(): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (abort.signal.aborted) process.exit(130);
      say('Stopping (once more ends at once)');
      abort.abort();
    });
  return abort.signal;
}
