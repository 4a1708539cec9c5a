/** Watches: one JSON object a line. Source: k8s.io/apiserver `pkg/endpoints/handlers/watch.go`, `pkg/storage/cacher`, KEP-3157 (streaming lists). */
import type { ServerResponse } from 'node:http';
import {
  type ApiError,
  type Cache,
  type Clock,
  ExpiredError,
  expired,
  forbiddenField,
  invalid,
  type KubeObject,
  type StoreEvent,
  tooManyRequests,
} from '@svclab/core';
import type { Definition } from '../registry/definition.ts';
import type { Exchange } from './exchange.ts';
import { parseRevision, waitForRevision } from './list.ts';
import type { Form } from './negotiate.ts';
import { includeObject, served, table } from './represent.ts';
import type { Selection } from './selection.ts';

/** Bytes a client may lag behind before its watch ends with 410. */
const BUFFER_LIMIT = 16 * 1024 * 1024;
/** Watches at the same time. */
const MAX_WATCHES = 1000;
/** Time between bookmarks, milliseconds. Source: k8s.io/apiserver cacher (defaultBookmarkFrequency). */
const BOOKMARK_MS = 60_000;
/** A watch without timeoutSeconds ends after this plus up to as much again, seconds. Source: kube-apiserver min-request-timeout. */
const DEFAULT_TIMEOUT_S = 1800;

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** Serves watches from the cache. */
export class WatchServer {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #open = new Set<() => void>();
  readonly #texts = new WeakMap<object, string>();

  constructor(cache: Cache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** Watches being served. */
  get count(): number {
    return this.#open.size;
  }

  /** Ends all watches; clients list again or reconnect. */
  close(): void {
    for (const end of [...this.#open]) end();
  }

  /** Serves one watch; resolves when it has ended. */
  async serve(exchange: Exchange, definition: Definition, selection: Selection, form: Form): Promise<void> {
    if (this.#open.size >= MAX_WATCHES) throw tooManyRequests(`too many watches: ${MAX_WATCHES} are served at a time`);
    const { query } = exchange;
    const from = parseRevision(query.get('resourceVersion'));
    const initial = checkInitialEvents(query);
    if (from) await waitForRevision(this.#cache, from);
    const stream = new WatchStream(exchange, definition, form, this.#clock, (object) => this.#text(definition, object));
    const ref = definition.view?.storage ?? definition;
    // From here to the subscription nothing awaits, so that no event is missed or seen twice.
    stream.start();
    if (from && !initial) {
      try {
        for (const event of this.#cache.since(ref, from)) stream.event(event, selection);
      } catch (error) {
        if (!(error instanceof ExpiredError)) throw error;
        stream.fail(expired(`too old resource version: ${from}`));
        return;
      }
    } else if (query.get('sendInitialEvents') !== 'false') {
      for (const object of this.#cache.list(ref, selection.namespace))
        if (selection.matches(object)) stream.send('ADDED', object);
      if (initial) stream.bookmark(this.#cache.revision, true);
    }
    await this.#follow(exchange, definition, selection, stream);
  }

  #follow(exchange: Exchange, definition: Definition, selection: Selection, stream: WatchStream): Promise<void> {
    const { query } = exchange;
    const ref = definition.view?.storage ?? definition;
    const seconds = Number(query.get('timeoutSeconds') ?? 0) || DEFAULT_TIMEOUT_S;
    return new Promise((resolve) => {
      const cancels: (() => void)[] = [];
      const end = (): void => {
        if (!this.#open.delete(end)) return;
        for (const cancel of cancels) cancel();
        stream.end();
        resolve();
      };
      this.#open.add(end);
      cancels.push(
        this.#cache.subscribe((event) => {
          if (event.key.group !== ref.group || event.key.resource !== ref.resource) return;
          if (!stream.event(event, selection)) end();
        }),
      );
      cancels.push(this.#clock.after(seconds * 1000, end));
      if (query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1')
        cancels.push(this.#clock.every(BOOKMARK_MS, () => stream.bookmark(this.#cache.revision, false)));
      exchange.response.on('close', end);
      exchange.response.on('error', end);
    });
  }

  /** JSON of an object, made once however many watch it. */
  #text(definition: Definition, object: KubeObject): string {
    if (definition.view) return JSON.stringify(served(definition, object));
    let text = this.#texts.get(object);
    if (text === undefined) {
      text = JSON.stringify(object);
      this.#texts.set(object, text);
    }
    return text;
  }
}

function checkInitialEvents(query: URLSearchParams): boolean {
  if (query.get('sendInitialEvents') === null) return false;
  if (query.get('resourceVersionMatch') !== 'NotOlderThan')
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      forbiddenField('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    ]);
  return query.get('sendInitialEvents') === 'true' || query.get('sendInitialEvents') === '1';
}

/** The lines of one watch. */
class WatchStream {
  readonly #exchange: Exchange;
  readonly #definition: Definition;
  readonly #form: Form;
  readonly #clock: Clock;
  readonly #text: (object: KubeObject) => string;
  #header = true;
  #ended = false;

  constructor(
    exchange: Exchange,
    definition: Definition,
    form: Form,
    clock: Clock,
    text: (object: KubeObject) => string,
  ) {
    this.#exchange = exchange;
    this.#definition = definition;
    this.#form = form;
    this.#clock = clock;
    this.#text = text;
  }

  /** Sends the head at once: a client waits for it before it believes that the watch stands. */
  start(): void {
    const response = this.#exchange.response as ServerResponse;
    response.setHeader('content-type', 'application/json');
    response.setHeader('cache-control', 'no-cache, private');
    response.writeHead(200);
    response.flushHeaders();
  }

  /** Passes on a change as the selection sees it. False when the client lags too far behind and the watch has ended. */
  event(event: StoreEvent, selection: Selection): boolean {
    const is = event.type !== 'DELETED' && selection.matches(event.object);
    const was = event.previous !== undefined && selection.matches(event.previous);
    if (is) return this.send(was ? 'MODIFIED' : 'ADDED', event.object);
    if (!was || !event.previous) return true;
    // What left the selection is shown as it last was in it, with the revision at which it left.
    const { metadata } = event.previous;
    const gone =
      event.type === 'DELETED'
        ? event.object
        : { ...event.previous, metadata: { ...metadata, resourceVersion: String(event.revision) } };
    return this.send('DELETED', gone);
  }

  /** Sends one event. False when the watch has ended. */
  send(type: EventType, object: KubeObject): boolean {
    if (this.#ended) return false;
    this.#write(`{"type":"${type}","object":${this.#represent(object)}}\n`);
    const backlog = (this.#exchange.response as ServerResponse).writableLength ?? 0;
    if (backlog <= BUFFER_LIMIT) return true;
    this.fail(expired('the watch ended because the client is too slow: list again'));
    return false;
  }

  #represent(object: KubeObject): string {
    if (this.#form.as === 'object') return this.#text(object);
    if (this.#form.as === 'PartialObjectMetadata')
      return JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata });
    const include = includeObject(this.#exchange.query);
    const header = this.#header;
    this.#header = false;
    return JSON.stringify(table(this.#definition, [object], undefined, { include, nowMs: this.#clock.wall(), header }));
  }

  /** Says how far the watch has come. */
  bookmark(revision: number, initialEventsEnd: boolean): void {
    const metadata = {
      resourceVersion: String(revision),
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    };
    const { kind, version, group } = this.#definition;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const object =
      this.#form.as === 'Table'
        ? {
            kind: 'Table',
            apiVersion: 'meta.k8s.io/v1',
            metadata: { resourceVersion: String(revision) },
            columnDefinitions: null,
            rows: [{ cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } }],
          }
        : this.#form.as === 'PartialObjectMetadata'
          ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
          : { kind, apiVersion, metadata };
    this.#write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Ends the watch with an error event. */
  fail(error: ApiError): void {
    this.#write(`${JSON.stringify({ type: 'ERROR', object: error.status })}\n`);
    this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exchange.response.end();
  }

  #write(line: string): void {
    if (!this.#ended) (this.#exchange.response as ServerResponse).write(line);
  }
}
