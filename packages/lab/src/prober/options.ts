/** The prober's command line. */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { parseDuration } from '@svclab/core';
import { DEFAULT_TIMEOUT_MS } from './prober.ts';

/** What the user asked for. */
export interface ProbeArguments {
  readonly url: URL;
  readonly intervalMs: number;
  readonly durationMs: number | undefined;
  readonly timeoutMs: number;
  readonly json: boolean;
  /** File for one JSON line per request; undefined for none. */
  readonly samples: string | undefined;
}

/** The command line is not usable; the message says what would be. */
export class ProbeUsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProbeUsageError';
  }
}

/** `10`, `10s`, `500ms`: a bare number counts seconds here, as `--duration S` says. */
function seconds(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) * 1000 : parseDuration(text);
}

/** Parses the arguments after the program's name. Fails with {@link ProbeUsageError}. */
export function parseProbeArguments(argv: readonly string[]): ProbeArguments {
  const { values, positionals } = probeFlags(argv);
  const [text, ...more] = positionals;
  if (text === undefined || more.length > 0)
    throw new ProbeUsageError(`Give one URL, not ${positionals.length}: svclab probe http://172.30.0.200/`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw new ProbeUsageError(`"${text}" is no URL: give one such as http://172.30.0.200/`);
  if (values.type !== undefined) throw new ProbeUsageError('--type is for dns: svclab probe dns://NAME --type AAAA');
  if (url.protocol !== 'http:')
    throw new ProbeUsageError(`The prober speaks http and dns, not ${url.protocol.slice(0, -1)}`);
  return { url, ...paceOf(values) };
}

/** How often, how long and in which form: what every kind of probe is told. */
export type PaceArguments = Omit<ProbeArguments, 'url'>;

/** Reads what `probeFlags` found. Fails with {@link ProbeUsageError}. */
export function paceOf(values: ReturnType<typeof probeFlags>['values']): PaceArguments {
  if (values.output !== undefined && values.output !== 'json' && values.output !== 'text')
    throw new ProbeUsageError(`-o does not take "${values.output}": give json or text`);
  return {
    intervalMs: duration('interval', values.interval ?? '10ms', parseDuration, 1, 60_000),
    durationMs:
      values.duration === undefined ? undefined : duration('duration', values.duration, seconds, 1, 86_400_000),
    timeoutMs: duration('timeout', values.timeout ?? `${DEFAULT_TIMEOUT_MS}ms`, parseDuration, 10, 60_000),
    json: values.output === 'json',
    samples: values.samples,
  };
}

function duration(
  name: string,
  value: string,
  read: (t: string) => number | undefined,
  min: number,
  max: number,
): number {
  const ms = read(value);
  if (ms === undefined || ms < min || ms > max)
    throw new ProbeUsageError(
      `--${name} does not take "${value}": give a duration from ${min} ms to ${max / 1000} s, such as 10ms or 2s`,
    );
  return ms;
}

/** Splits a command line. Fails with {@link ProbeUsageError} at an option that is not known. */
export function probeFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        interval: { type: 'string' },
        duration: { type: 'string' },
        timeout: { type: 'string' },
        samples: { type: 'string' },
        output: { type: 'string', short: 'o' },
        type: { type: 'string' },
      },
    });
  } catch (error) {
    throw new ProbeUsageError((error as Error).message.split('. ')[0] ?? '');
  }
}

/** The two requests of a URL. `host` is what the Host header says. */
export function probeRequests(url: URL): { once: Buffer; keep: Buffer } {
  const head = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: svclab-probe\r\nAccept: */*\r\n`;
  return { once: Buffer.from(`${head}Connection: close\r\n\r\n`), keep: Buffer.from(`${head}\r\n`) };
}

/** Host and port of a URL; brackets of an IPv6 literal removed. */
export function probeEndpoint(url: URL): { host: string; port: number; literal: boolean } {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: url.port === '' ? 80 : Number(url.port), literal: isIP(host) !== 0 };
}
