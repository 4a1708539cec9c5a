/** Requests to the lab's Kubernetes API. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

const TIMEOUT_MS = 2000;

/** The API answered something other than 200, 201 or 202. */
export class ApiRefusal extends Error {
  /** HTTP status. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiRefusal';
    this.status = status;
  }
}

/** Whose API it is: where its certificate is, and the token for it. A LabConnection is one. */
export interface ApiAccess {
  readonly paths: { readonly pki: string };
  readonly secrets: { readonly apiToken: string };
}

/** What is asked of the API besides reading. */
export interface ApiChange {
  readonly method: 'PATCH' | 'DELETE';
  /** Sent as JSON; for PATCH a merge patch (RFC 7386). */
  readonly body: unknown;
}

/** Reads a path of the API as JSON, or changes what is there. Rejects with {@link ApiRefusal}, or as `https.request` does. */
export function callApi<T>(lab: ApiAccess, api: string, path: string, change?: ApiChange): Promise<T> {
  const method = change?.method ?? 'GET';
  const body = change ? JSON.stringify(change.body) : undefined;
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, api),
      {
        method,
        ca: readFileSync(join(lab.paths.pki, 'ca.crt')),
        headers: {
          authorization: `Bearer ${lab.secrets.apiToken}`,
          accept: 'application/json',
          ...(body === undefined
            ? {}
            : {
                'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
                // Node.js gives the body of a DELETE no length by itself.
                'content-length': Buffer.byteLength(body),
              }),
        },
        timeout: TIMEOUT_MS,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const { statusCode = 0 } = response;
          if (statusCode >= 200 && statusCode < 203) resolve(JSON.parse(text) as T);
          else
            reject(new ApiRefusal(statusCode, `API answers ${statusCode} to ${method} ${path}: ${text.slice(0, 200)}`));
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`API did not answer ${method} ${path} in ${TIMEOUT_MS} ms`)));
    call.on('error', reject);
    call.end(body);
  });
}

/** As {@link callApi}; undefined when there is nothing of that name. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiRefusal && error.status === 404) return undefined;
    throw error;
  }
}
