/** Removes stale UDP flows by the `conntrack` program, where it is installed. */
import type { StaleFlow } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { runProgram, type Spawn, spawnHere } from '../exec.ts';

/** Forgets flows. Without the program they live until conntrack's own time-out (30 s, 120 s for streams). */
export class Conntrack {
  readonly #log: Logger;
  readonly #spawn: Spawn;
  #missing = false;

  constructor(log: Logger, spawn: Spawn = spawnHere) {
    this.#log = log;
    this.#spawn = spawn;
  }

  /** Never rejects: what cannot be removed is logged and times out by itself. */
  async forget(flows: readonly StaleFlow[]): Promise<void> {
    for (const { ip, port, endpoint } of flows) {
      if (this.#missing) return;
      const args = ['-D', '-p', 'udp', '--orig-dst', ip, '--orig-port-dst', String(port), '--dst-nat', endpoint];
      try {
        const { code, stderr } = await runProgram(this.#spawn, 'conntrack', args);
        // It exits with 1 when there was no such flow.
        if (code !== 0 && !stderr.includes('0 flow entries'))
          this.#log.warn({ event: 'flows-not-removed', reason: stderr.trim() });
      } catch (error) {
        this.#missing = true;
        this.#log.warn({
          event: 'flows-not-removed',
          reason: `Program conntrack cannot be run (${(error as Error).message}): stale UDP flows live until they time out; install the package conntrack`,
        });
      }
    }
  }
}
