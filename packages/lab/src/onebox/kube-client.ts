/** A small client of the lab's Kubernetes API. */
import { request } from 'node:https';
import { badInput } from '../state/errors.ts';

const TIMEOUT_MS = 5000;

/** How to reach the API. */
export interface KubeAccess {
  /** `https://127.0.0.1:PORT` */
  readonly api: string;
  readonly caPem: string;
  readonly token: string;
}

/** One request. */
export interface KubeRequest {
  readonly method?: 'GET' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

export class KubeClient {
  readonly #access: KubeAccess;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  /**
   * Asks the API. Fails with a LabError (bad input) holding the API's message when it refuses, with an Error when it does not answer.
   * Undefined when there is no such thing (404 to a GET).
   */
  async ask<T>({ method = 'GET', path, body, contentType }: KubeRequest): Promise<T | undefined> {
    const { status, text } = await this.#send(method, path, body, contentType);
    if (status === 404 && method === 'GET') return undefined;
    if (status >= 200 && status < 300) return JSON.parse(text) as T;
    throw badInput(messageOf(text) ?? `API answers ${status} for ${path}: ${text.slice(0, 200)}`);
  }

  #send(
    method: string,
    path: string,
    body: unknown,
    contentType = 'application/json',
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const call = request(
        new URL(path, this.#access.api),
        {
          method,
          ca: this.#access.caPem,
          headers: {
            authorization: `Bearer ${this.#access.token}`,
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': contentType }),
          },
          timeout: TIMEOUT_MS,
          // A connection that is kept may be closed by the other side just as it is used again.
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
          );
        },
      );
      call.on('timeout', () => call.destroy(new Error(`API did not answer ${path} in ${TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** The message of a Status object. */
function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message;
  } catch {
    return undefined;
  }
}
