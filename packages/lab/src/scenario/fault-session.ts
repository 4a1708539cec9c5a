/** Making and healing faults on behalf of a run, so that none outlives it. */
import type { LabConnection } from '../client/connect.ts';
import { environmentError } from '../state/errors.ts';

/** A fault to make. */
export interface FaultToMake {
  readonly verb: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  /** Name it can be healed by; may be empty. */
  readonly label: string;
}

/** Makes and heals faults. */
export interface FaultMaker {
  /** Rejects with a LabError when the fault, its target or its arguments are not known. */
  make(fault: FaultToMake): Promise<{ readonly resolved: string; readonly effectiveNs: bigint }>;
  /** Heals by label, by target, or `all` of this session; returns what it healed. */
  heal(what: string): Promise<readonly string[]>;
}

/** A session: when it ends, however it ends, the lab heals what was made in it. */
export interface FaultSession extends FaultMaker {
  /** Heals what is left and ends the session. */
  close(): Promise<void>;
}

/**
 * Opens a session on a lab.
 * @param endLab whether the lab is to end as well when this process does without closing the session
 */
export async function openFaultSession(lab: LabConnection, endLab: boolean): Promise<FaultSession> {
  const stop = new AbortController();
  const stream = lab.service.faultSession({ endLab }, { signal: stop.signal })[Symbol.asyncIterator]();
  const first = await stream.next();
  if (first.done === true) throw environmentError(`Lab ${lab.name} opened no session for faults`);
  const { session } = first.value;
  // The stream stays open as long as somebody waits for its next message.
  stream.next().catch(() => {});
  const labels = new Map<string, string>();
  return {
    async make({ verb, target, args, label }) {
      const done = await lab.service.fault({ verb, target, args: { ...args }, session });
      if (label !== '') labels.set(label, done.id);
      return done;
    },
    async heal(what) {
      const which = what === 'all' ? [] : [labels.get(what) ?? what];
      const { healed } = await lab.service.healFaults({ which, session });
      return healed.flatMap((h) => h.fault?.targets ?? []);
    },
    async close() {
      try {
        await lab.service.healFaults({ which: [], session, endSession: true });
      } finally {
        stop.abort();
      }
    },
  };
}

/** Of a measurement that breaks nothing itself. */
export const noFaults: FaultMaker = {
  make: ({ verb }) => Promise.reject(environmentError(`Nothing is broken here: fault ${verb} is not made`)),
  heal: async () => [],
};
