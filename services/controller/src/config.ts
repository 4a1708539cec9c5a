import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENV } from '@svclab/core';
import { ConfigError } from '@svclab/runtime';

/** What the controller needs beyond what every process does. */
export interface ControllerConfig {
  readonly pki: { readonly key: string; readonly cert: string; readonly token: string };
  readonly listen: { readonly fd: number } | Address;
  /** Where to listen besides an inherited socket. */
  readonly also: Address | undefined;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads the certificate, the token and where to listen. Fails with {@link ConfigError} naming everything that is wrong. */
export function readControllerConfig(env: Readonly<Record<string, string | undefined>>): ControllerConfig {
  const problems: string[] = [];
  const dir = env[ENV.pkiDir] ?? '';
  if (dir === '') problems.push(`environment variable ${ENV.pkiDir} is missing`);
  const read = (name: string): string => {
    if (dir === '') return '';
    try {
      return readFileSync(join(dir, name), 'utf8');
    } catch (error) {
      problems.push(`${join(dir, name)} cannot be read: ${(error as Error).message}`);
      return '';
    }
  };
  const pki = { key: read('api.key'), cert: read('api.crt'), token: read('token').trim() };
  if (dir !== '' && problems.length === 0 && pki.token === '') problems.push(`${join(dir, 'token')} is empty`);
  const listen = readListen(env, problems);
  if (!listen || problems.length > 0) throw new ConfigError(problems);
  return { pki, listen, also: 'fd' in listen ? readAddress(env[ENV.apiListen] ?? '') : undefined };
}

function readListen(
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): ControllerConfig['listen'] | undefined {
  const fd = env[ENV.apiFd];
  if (fd !== undefined && fd !== '') {
    if (/^\d+$/.test(fd)) return { fd: Number(fd) };
    problems.push(`${ENV.apiFd} is not the number of an open file: ${fd}`);
    return undefined;
  }
  const text = env[ENV.apiListen] ?? '';
  const address = readAddress(text);
  if (address) return address;
  problems.push(`${ENV.apiListen} must be host:port, not ${JSON.stringify(text)}, unless ${ENV.apiFd} is set`);
  return undefined;
}

function readAddress(text: string): Address | undefined {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  return match && Number(match[2]) <= 65535 ? { host: match[1] ?? '', port: Number(match[2]) } : undefined;
}
