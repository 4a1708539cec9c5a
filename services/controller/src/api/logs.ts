/** The log subresource of pods. */
import type { ServerResponse } from 'node:http';
import { badRequest, type Clock, internalError } from '@svclab/core';
import type { Registry } from '../registry/registry.ts';
import type { Exchange } from './exchange.ts';
import type { LogLine, PodStreams } from './pod-streams.ts';
import { podTarget } from './pod-target.ts';

/** Streams a container's log as text. Fails with an ApiError before the first line only. */
export async function serveLogs(
  exchange: Exchange,
  registry: Registry,
  streams: PodStreams,
  clock: Clock,
  target: { readonly namespace: string; readonly name: string },
): Promise<void> {
  const { query } = exchange;
  const { node, container } = podTarget(registry, target.namespace, target.name, query.get('container'));
  const abort = new AbortController();
  exchange.response.on('close', () => abort.abort());
  const tailLines = wholeNumber(query, 'tailLines');
  const sinceMs = since(query, clock.wall());
  const timestamps = truthy(query.get('timestamps'));
  const lines = streams.logs(
    node,
    {
      namespace: target.namespace,
      pod: target.name,
      container,
      follow: truthy(query.get('follow')),
      previous: truthy(query.get('previous')),
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    },
    abort.signal,
  );
  await copyLines(exchange, lines, timestamps, abort, wholeNumber(query, 'limitBytes'));
}

async function copyLines(
  exchange: Exchange,
  lines: AsyncIterable<LogLine>,
  timestamps: boolean,
  abort: AbortController,
  limitBytes: number | undefined,
): Promise<void> {
  const response = exchange.response as ServerResponse;
  const head = (): void => {
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
  };
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  const follow = truthy(exchange.query.get('follow'));
  if (follow) head();
  try {
    for await (const { wallMs, line } of lines) {
      if (!response.headersSent) head();
      const text = Buffer.from(`${timestamps ? `${new Date(wallMs).toISOString()} ` : ''}${line}\n`).subarray(0, left);
      left -= text.length;
      if (!response.write(text)) await drained(response, abort.signal);
      if (left <= 0 || abort.signal.aborted) break;
    }
  } catch (error) {
    if (abort.signal.aborted) return;
    if (!response.headersSent)
      throw internalError(`log of the container cannot be read: ${(error as Error).message}`, error);
    response.write(`log stream ended: ${(error as Error).message}\n`);
  }
  if (!response.headersSent) head();
  response.end();
  abort.abort();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const truthy = (value: string | null): boolean => value === 'true' || value === '1';

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`${name} must be a whole number that is not negative, not ${JSON.stringify(text)}`);
  return Number(text);
}

function since(query: URLSearchParams, nowMs: number): number | undefined {
  const seconds = wholeNumber(query, 'sinceSeconds');
  if (seconds !== undefined) return seconds * 1000;
  const time = query.get('sinceTime');
  if (!time) return undefined;
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw badRequest(`sinceTime is no RFC 3339 time: ${JSON.stringify(time)}`);
  return Math.max(1, nowMs - at);
}
