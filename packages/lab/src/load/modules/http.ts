/** `k6/http` for load scripts: what can be asynchronous. */
import { ScriptError } from '../errors.ts';
import type { LoadResponse } from '../http.ts';
import type { ExpectedStatuses, RequestParams } from '../http-request.ts';
import { vuOf } from '../vu.ts';

const vu = vuOf(import.meta.url);

/** Sends a request; see {@link HttpSession.asyncRequest}. */
export function asyncRequest(
  method: string,
  url: unknown,
  body?: unknown,
  params?: RequestParams | null,
): Promise<LoadResponse> {
  if (vu.initializing)
    throw new ScriptError(
      'http.asyncRequest cannot be used in the init context: call it from an iteration, setup or teardown',
    );
  return vu.http.asyncRequest(method, url, body, params ?? {});
}

/** What k6 puts in the place of a variable part. */
const PLACEHOLDER = `$${'{}'}`;

/** Template tag: the address with its variable parts left out of the metrics' name. */
export function url(strings: TemplateStringsArray, ...values: readonly unknown[]): { url: string; name: string } {
  return { url: String.raw({ raw: strings }, ...values), name: strings.join(PLACEHOLDER) };
}

/** Statuses and ranges `{min, max}` that count as success. */
export function expectedStatuses(
  ...statuses: readonly (number | { readonly min: number; readonly max: number })[]
): ExpectedStatuses {
  return { ranges: statuses.map((s): [number, number] => (typeof s === 'number' ? [s, s] : [s.min, s.max])) };
}

/** Sets the VU's default for `responseCallback`; null ends the counting of failures. */
export function setResponseCallback(callback: ExpectedStatuses | null): void {
  vu.http.expected = callback;
}

const SYNCHRONOUS = ['get', 'post', 'put', 'patch', 'del', 'head', 'options', 'request', 'batch'];
const blocking = Object.fromEntries(
  SYNCHRONOUS.map((name) => [
    name,
    () => {
      throw new ScriptError(
        `http.${name} blocks, which needs k6: use await http.asyncRequest('${name === 'batch' || name === 'request' ? 'GET' : name === 'del' ? 'DELETE' : name.toUpperCase()}', url)`,
      );
    },
  ]),
);
const foreign = Object.fromEntries(
  ['cookieJar', 'file'].map((name) => [
    name,
    () => {
      throw new ScriptError(`http.${name} needs k6`);
    },
  ]),
);

export default { asyncRequest, url, expectedStatuses, setResponseCallback, ...blocking, ...foreign };
