/** Faults: the definitions, their targets, and what makes and heals them. */

import { arpCache } from './arp-cache.ts';
import type { FaultDefinition } from './definition.ts';
import { delay } from './delay.ts';
import { dnsDrop } from './dns-drop.ts';
import { dnsNxdomain } from './dns-nxdomain.ts';
import { dnsServfail } from './dns-servfail.ts';
import { dnsSlow } from './dns-slow.ts';
import { dnsStale } from './dns-stale.ts';
import { dnsWrong } from './dns-wrong.ts';
import { drain } from './drain.ts';
import { flap } from './flap.ts';
import { gratuitousArpLoss } from './gratuitous-arp-loss.ts';
import { kill } from './kill.ts';
import { loss } from './loss.ts';
import { partition } from './partition.ts';
import { pause } from './pause.ts';
import { podFail } from './pod-fail.ts';
import { podHang } from './pod-hang.ts';
import { podRefuse } from './pod-refuse.ts';
import { podSlow } from './pod-slow.ts';
import { rate } from './rate.ts';
import { readinessFlap } from './readiness-flap.ts';
import { reboot } from './reboot.ts';
import { restart } from './restart.ts';
import { resume } from './resume.ts';
import { stop } from './stop.ts';

/** Every fault, in the order of the help. A new one is one file and one line here. */
const ALL: readonly FaultDefinition[] = [
  kill,
  stop,
  pause,
  resume,
  restart,
  reboot,
  drain,
  partition,
  loss,
  delay,
  rate,
  flap,
  gratuitousArpLoss,
  arpCache,
  dnsSlow,
  dnsWrong,
  dnsNxdomain,
  dnsServfail,
  dnsDrop,
  dnsStale,
  podSlow,
  podFail,
  podRefuse,
  podHang,
  readinessFlap,
];

/** Faults by verb. `heal` is no definition: it undoes what is in effect. */
export const FAULTS: Readonly<Record<string, FaultDefinition>> = Object.fromEntries(ALL.map((f) => [f.verb, f]));

/** Definition of a verb; undefined when there is none. */
export function faultOf(verb: string): FaultDefinition | undefined {
  return Object.hasOwn(FAULTS, verb) ? FAULTS[verb] : undefined;
}

export { argsOf, DURATION, flagArg, formatArgs, numberArg, parseArgs, textArg } from './args.ts';
export type * from './definition.ts';
export { formatGroups, type Groups, parseGroups } from './groups.ts';
export { formsOf, ROLES } from './resolve.ts';
export * from './target.ts';
