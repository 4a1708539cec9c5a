/** Making and healing faults on behalf of a run, so that none outlives it. */
import type { LabConnection } from '../client/connect.ts';

/** A fault to make. */
export interface FaultToMake {
  readonly verb: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  /** Name it can be healed by. */
  readonly label: string;
}

/** Makes and heals faults. */
export interface FaultMaker {
  /** Rejects with a LabError when the fault, its target or its arguments are not known. */
  make(fault: FaultToMake): Promise<{ readonly resolved: string; readonly effectiveNs: bigint }>;
  /** Heals by label, by target, or `all`; returns what it healed. */
  heal(what: string): Promise<readonly string[]>;
}

/** Faults made one call at a time. */
export function faultMaker(lab: LabConnection): FaultMaker {
  return {
    make: ({ verb, target, args }) => lab.service.fault({ verb, target, args: { ...args } }),
    async heal() {
      const { resolved } = await lab.service.fault({ verb: 'heal', target: '', args: {} });
      return [resolved];
    },
  };
}
