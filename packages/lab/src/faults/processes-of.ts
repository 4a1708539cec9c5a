import { badInput } from '../state/errors.ts';
import type { ProcessRef } from './process-verbs.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

/** The processes a target names: one, or all of a host. Fails with a LabError for a target that has none. */
export function processesOf(target: ResolvedTarget, verb: string): ProcessRef {
  if (target.kind === 'process') return target;
  if (target.kind === 'host') return { host: target.host, component: undefined };
  throw badInput(`Fault ${verb} does not act on ${formatTarget(target)}: it has no process`);
}
