import { LabError } from '../state/errors.ts';
import type { FaultContext } from './definition.ts';
import type { ProcessRef, ProcessVerb } from './process-verbs.ts';

/**
 * Sets processes right that a fault stopped. What is not there needs no mending: a host without power starts all its processes when it
 * comes back, and a process that has ended is started anew.
 */
export async function mend(
  verb: ProcessVerb & ('resume' | 'restart'),
  ref: ProcessRef,
  context: FaultContext,
): Promise<bigint> {
  if (!context.lab.isUp(ref.host)) return context.clock.nowNs();
  try {
    return await context.lab.process(verb, ref);
  } catch (error) {
    if (error instanceof LabError) return context.clock.nowNs();
    throw error;
  }
}
