/** The command line of the DNS prober: `dns://NAME[@SERVER[,SERVER...]]`. */
import { isIP } from 'node:net';
import type { DnsProbeType } from '@svclab/core';
import { type PaceArguments, ProbeUsageError, paceOf, probeFlags } from './options.ts';

/** A server that is asked. */
export interface DnsServer {
  /** Numeric. */
  readonly address: string;
  readonly port: number;
}

/** What a `dns://` URL says. */
export interface DnsTarget {
  readonly name: string;
  /** In the order they are asked; empty when the URL names none. */
  readonly servers: readonly DnsServer[];
}

/** What the user asked for. */
export interface DnsArguments extends PaceArguments {
  readonly target: DnsTarget;
  readonly type: DnsProbeType;
}

const SCHEME = 'dns://';
const DNS_PORT = 53;
const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** Whether a command line asks for DNS. */
export function isDnsProbe(argv: readonly string[]): boolean {
  return argv.some((a) => a.startsWith(SCHEME));
}

/** Reads `dns://NAME[@SERVER[,SERVER...]]`. Fails with {@link ProbeUsageError}. */
export function parseDnsUrl(text: string): DnsTarget {
  const [name = '', servers, ...more] = text.slice(SCHEME.length).replace(/\/$/, '').split('@');
  const bare = name.replace(/\.$/, '');
  if (!text.startsWith(SCHEME) || more.length > 0 || !NAME.test(bare))
    throw new ProbeUsageError(
      `"${text}" names no record: give dns://NAME or dns://NAME@SERVER, such as dns://web.shop.svc.cluster.local@172.30.0.53`,
    );
  return { name: bare, servers: servers === undefined ? [] : servers.split(',').map(parseServer) };
}

function parseServer(text: string): DnsServer {
  const match = /^\[(.+)\](?::(\d+))?$/.exec(text) ?? /^([0-9.]+)(?::(\d+))?$/.exec(text);
  const address = match?.[1] ?? text;
  const port = Number(match?.[2] ?? DNS_PORT);
  if (isIP(address) === 0 || port < 1 || port > 65_535)
    throw new ProbeUsageError(`"${text}" is no DNS server: give an address, or address:port ([address]:port for IPv6)`);
  return { address, port };
}

/** A target as a URL. */
export function formatDnsUrl({ name, servers }: DnsTarget): string {
  return `${SCHEME}${name}${servers.length === 0 ? '' : `@${servers.map(formatServer).join(',')}`}`;
}

/** A server as the URL and the samples have it. */
export function formatServer({ address, port }: DnsServer): string {
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return port === DNS_PORT ? host : `${host}:${port}`;
}

/** Parses the arguments after the program's name. Fails with {@link ProbeUsageError}. */
export function parseDnsArguments(argv: readonly string[]): DnsArguments {
  const { values, positionals } = probeFlags(argv);
  const [text = '', ...more] = positionals;
  if (more.length > 0)
    throw new ProbeUsageError(`Give one name, not ${positionals.length}: svclab probe ${SCHEME}NAME`);
  const target = parseDnsUrl(text);
  if (target.servers.length === 0)
    throw new ProbeUsageError(`"${text}" names no server: give one, such as ${SCHEME}${target.name}@172.30.0.53`);
  const type = (values.type ?? 'A').toUpperCase();
  if (type !== 'A' && type !== 'AAAA')
    throw new ProbeUsageError(`--type does not take "${values.type}": give A or AAAA`);
  return { target, type, ...paceOf(values) };
}
