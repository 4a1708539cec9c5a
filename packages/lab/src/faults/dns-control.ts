/** What the faults of DNS servers have in common. */
import { canonicalAddress, type DnsFaultKind, PORTS } from '@svclab/core';
import { ClientError } from '@svclab/runtime';
import { DnsControlServiceDefinition } from '@svclab/wire';
import { badInput } from '../state/errors.ts';
import { numberArg, textArg } from './args.ts';
import type { AppliedFault, FaultArg, FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { formatTarget, type ResolvedTarget } from './target.ts';

const CALL_MS = 2000;

/** Which questions a fault acts on. */
export const DNS_SCOPE: readonly FaultArg[] = [
  {
    name: 'service',
    kind: 'text',
    summary:
      'only the name of this Service, NAMESPACE/NAME, without those below it; without it and --dns-name, every name',
  },
  { name: 'dns-name', kind: 'text', summary: 'only this full name, or with *.NAME all below one' },
  { name: 'percent', kind: 'percent', default: '100', min: 0.001, summary: 'share of the questions' },
];

/** The full name that arguments mean, without final dot; empty: every name. @param domain cluster domain */
export function dnsNameOf(args: FaultArgs, domain: string): string {
  const service = textArg(args, 'service');
  if (service === undefined) return (textArg(args, 'dns-name') ?? '').replace(/\.$/, '');
  const [namespace = '', name = ''] = service.split('/');
  return `${name}.${namespace}.svc.${domain}`;
}

/** What is wrong with the arguments of {@link DNS_SCOPE}; undefined when nothing is. */
export function dnsScopeProblem(args: FaultArgs): string | undefined {
  const service = textArg(args, 'service');
  const name = textArg(args, 'dns-name');
  if (service !== undefined && name !== undefined)
    return 'Arguments service and dns-name both say which name is meant: give one of them';
  if (service !== undefined && !/^[a-z0-9-]+\/[a-z0-9-]+$/.test(service))
    return `Argument service is "${service}": give NAMESPACE/NAME, such as default/web`;
  if (name !== undefined && !/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(name))
    return `Argument dns-name is "${name}": give a full name such as web.default.svc.cluster.local, or *.NAME`;
  return undefined;
}

/** What a fault asks of a server besides what all of them do. */
export interface DnsRequest {
  readonly kind: DnsFaultKind;
  readonly delayMs?: number;
  readonly jitterMs?: number;
  readonly address?: string;
}

/** The host of a target. Fails with a LabError when it is no DNS server. */
function hostOf(target: ResolvedTarget): string {
  if (target.kind === 'process' && target.component === 'dns') return target.host;
  throw badInput(`${formatTarget(target)} is no DNS server: give dns/N`);
}

/** One line on what a server would do. */
export function planDns(target: ResolvedTarget, args: FaultArgs, context: FaultContext, does: string): string[] {
  const name = dnsNameOf(args, context.config.domain);
  const percent = numberArg(args, 'percent') ?? 100;
  const share = percent === 100 ? '' : `${percent} % of `;
  return [`${formatTarget(target)}: ${does} to ${share}the questions for ${name === '' ? 'every name' : name}`];
}

/** Has a server break its answers until it is healed. */
export async function breakDns(
  target: ResolvedTarget,
  args: FaultArgs,
  context: FaultContext,
  request: DnsRequest,
): Promise<AppliedFault> {
  const host = hostOf(target);
  const { id } = context;
  const fault = {
    id,
    kind: request.kind,
    name: dnsNameOf(args, context.config.domain),
    share: (numberArg(args, 'percent') ?? 100) / 100,
    delayMs: request.delayMs ?? 0,
    jitterMs: request.jitterMs ?? 0,
    address: request.address ?? '',
  };
  const { atNs } = await context
    .call(DnsControlServiceDefinition, host, PORTS.dns, (dns) => dns.setFault({ fault }, { timeoutMs: CALL_MS }))
    .catch((error: unknown) => {
      throw refusal(error, `DNS server ${formatTarget(target)}`);
    });
  return { atNs, heal: () => healDns(host, [id], context) };
}

/** Takes faults back from a server; all of them without ids. One that does not run has none. */
export async function healDns(host: string, ids: readonly string[], context: FaultContext): Promise<bigint> {
  if (isOff(host, context)) return context.clock.nowNs();
  try {
    const { atNs } = await context.call(DnsControlServiceDefinition, host, PORTS.dns, (dns) =>
      dns.clearFaults({ ids: [...ids] }, { timeoutMs: CALL_MS }),
    );
    return atNs;
  } catch (error) {
    if (isNotRunning(error)) return context.clock.nowNs();
    throw error;
  }
}

/** Whether a host has no power, so that nothing its processes kept in memory is left. A container that does not answer may be paused, or cut off. */
export function isOff(host: string, { driver, lab }: Pick<FaultContext, 'driver' | 'lab'>): boolean {
  return driver === 'netns' && !lab.isUp(host);
}

/** Whether nothing listens where a process would: it does not run, and whatever it kept in memory is gone. */
export function isNotRunning(error: unknown): boolean {
  return error instanceof ClientError && /ECONNREFUSED/.test(error.message);
}

/** A failed call as something for the user. @param who begins with a capital */
export function refusal(error: unknown, who: string): unknown {
  if (!(error instanceof ClientError)) return error;
  return badInput(`${who} does not take the fault: ${error.details}`);
}

/** Removes what a supervisor that was killed may have left. */
export const sweepDns: NonNullable<FaultDefinition['sweep']> = async (host, context) => {
  if (context.config.hosts.some((h) => h.name === host && h.role === 'dns')) await healDns(host, [], context);
};

/** Whether text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return canonicalAddress(text) !== undefined;
}
