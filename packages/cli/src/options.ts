/** Options several commands take. */
import { InvalidArgumentError, Option } from 'commander';

/** `--name`; without it the driver's usual name. */
export const nameOption = (): Option => new Option('--name <lab>', 'name of the lab (default: lab; in Docker: svclab)');

/** `-o text|json`. */
export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how to print the result').choices(['text', 'json']).default('text');

/** `--driver`, or SVCLAB_DRIVER. */
export const driverOption = (): Option =>
  new Option('--driver <driver>', 'how hosts are made: namespaces, or containers')
    .choices(['netns', 'docker'])
    .env('SVCLAB_DRIVER')
    .default('netns');

/** What every command that speaks to a lab takes: which one. */
export interface LabFlags {
  readonly name?: string;
  readonly driver: 'netns' | 'docker';
}

/** A whole number; commander turns the error into "option ... argument ... is invalid". */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** A whole number of 1 or more. */
export function positive(text: string): number {
  const n = wholeNumber(text);
  if (n < 1) throw new InvalidArgumentError('Give 1 or more.');
  return n;
}

/** A TCP port; 0 stands for a free one. */
export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.');
  return port;
}

/** `--set a.b=value`, repeated. */
export function keyValue(text: string, previous: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Give NAME=VALUE, for instance membership.probeInterval=200ms.');
  return { ...previous, [text.slice(0, at).trim()]: text.slice(at + 1).trim() };
}
