/** Verbs on objects and collections. Source: k8s.io/apiserver `pkg/endpoints/handlers`. */
import {
  badRequest,
  type Clock,
  conflict,
  type KubeObject,
  methodNotSupported,
  notFound,
  type ResourceRef,
  success,
  unknownPath,
} from '@svclab/core';
import type { Definition } from '../registry/definition.ts';
import type { Registry, Subresource, WriteOptions } from '../registry/registry.ts';
import { checkIdentity, decodeObject, fieldValidation, mediaType, readObject } from './decode-body.ts';
import { deleteOptions } from './delete-options.ts';
import type { Exchange } from './exchange.ts';
import { list } from './list.ts';
import { negotiate } from './negotiate.ts';
import { PATCH_TYPES, parsePatch, patchedObject } from './patch.ts';
import { listAs, objectAs, reply, served } from './represent.ts';
import type { Target } from './route.ts';
import { scaleDefinition, scaleOf, withScale } from './scale.ts';
import { selection } from './selection.ts';
import { applyObject } from './server-side-apply.ts';
import type { WatchServer } from './watch.ts';
import { writeOptions } from './write-options.ts';

/** Serves the verbs. */
export class ResourceHandler {
  readonly #registry: Registry;
  readonly #watches: WatchServer;
  readonly #clock: Clock;

  constructor(registry: Registry, watches: WatchServer, clock: Clock) {
    this.#registry = registry;
    this.#watches = watches;
    this.#clock = clock;
  }

  /** Handles one request about a resource. Fails with an ApiError. */
  async handle(exchange: Exchange, target: Target): Promise<void> {
    const { name, subresource } = target;
    if (subresource !== undefined) return this.#subresource(exchange, target, subresource);
    if (name === undefined) return this.#collection(exchange, target);
    switch (exchange.method) {
      case 'GET':
      case 'HEAD':
        if (wantsWatch(exchange, target)) return this.#watch(exchange, target);
        return this.#get(exchange, target, name);
      case 'PUT':
        return this.#update(exchange, target, name, undefined);
      case 'PATCH':
        return this.#patch(exchange, target, name, undefined);
      case 'DELETE':
        return this.#delete(exchange, target, name);
      default:
        throw methodNotSupported();
    }
  }

  async #collection(exchange: Exchange, target: Target): Promise<void> {
    const { definition, namespace } = target;
    switch (exchange.method) {
      case 'GET':
      case 'HEAD':
        return wantsWatch(exchange, target) ? this.#watch(exchange, target) : this.#list(exchange, target);
      case 'POST':
        if (definition.namespaced && namespace === undefined) throw methodNotSupported();
        return this.#create(exchange, target);
      case 'DELETE':
        if (definition.namespaced && namespace === undefined) throw methodNotSupported();
        return this.#deleteCollection(exchange, target);
      default:
        throw methodNotSupported();
    }
  }

  async #list(exchange: Exchange, target: Target): Promise<void> {
    const { definition } = target;
    const form = negotiate(exchange.header('accept'));
    const { items, meta } = await list(
      this.#registry.cache,
      definition,
      selection(target, exchange.query),
      exchange.query,
    );
    await reply(exchange, 200, listAs(definition, items, meta, form, exchange.query, this.#clock.wall()), form);
  }

  async #watch(exchange: Exchange, target: Target): Promise<void> {
    const form = negotiate(exchange.header('accept'));
    await this.#watches.serve(exchange, target.definition, selection(target, exchange.query), form);
  }

  #find(target: Target, name: string): KubeObject {
    const found = this.#registry.get(storage(target.definition), target.namespace ?? '', name);
    if (!found) throw notFound(target.definition, name);
    return found;
  }

  async #get(exchange: Exchange, target: Target, name: string): Promise<void> {
    await this.#answer(exchange, 200, target.definition, this.#find(target, name));
  }

  async #answer(exchange: Exchange, code: number, definition: Definition, object: KubeObject): Promise<void> {
    const form = negotiate(exchange.header('accept'));
    await reply(exchange, code, objectAs(definition, object, form, exchange.query, this.#clock.wall()), form);
  }

  async #create(exchange: Exchange, target: Target): Promise<void> {
    const { definition, namespace } = target;
    const options = writeOptions(exchange);
    const object = checkIdentity(await this.#readBody(exchange, definition), namespace, undefined);
    const created = await this.#registry.create(storage(definition), stored(definition, object), options);
    await this.#answer(exchange, 201, definition, created);
  }

  async #readBody(exchange: Exchange, definition: Definition): Promise<KubeObject> {
    const validation = fieldValidation(exchange.query);
    const body = await readObject(exchange);
    if (!body) throw badRequest('the body of the request was empty: an object is needed');
    return decodeObject(definition, body.object, body.duplicates, validation, (t) => exchange.warnings.push(t));
  }

  async #update(exchange: Exchange, target: Target, name: string, subresource: Subresource | undefined): Promise<void> {
    const { definition, namespace } = target;
    const options = writeOptions(exchange);
    const object = stored(definition, checkIdentity(await this.#readBody(exchange, definition), namespace, name));
    const ref = storage(definition);
    if (subresource === 'finalize') {
      const finalized = await this.#registry.modify(ref, '', name, () => object, { ...options, subresource });
      return this.#answer(exchange, 200, definition, finalized);
    }
    const updated =
      subresource === 'status'
        ? await this.#registry.updateStatus(ref, object, options)
        : await this.#registry.update(ref, object, options);
    await this.#answer(exchange, 200, definition, updated);
  }

  async #patch(exchange: Exchange, target: Target, name: string, subresource: 'status' | undefined): Promise<void> {
    const { definition, namespace = '' } = target;
    const options = { ...writeOptions(exchange), ...(subresource ? { subresource } : {}) };
    const type = mediaType(exchange);
    const text = await exchange.text();
    if (type === PATCH_TYPES.apply) {
      const { object, created } = await applyObject(
        this.#registry,
        exchange,
        target,
        name,
        text,
        options,
        this.#clock.wall(),
      );
      return this.#answer(exchange, created ? 201 : 200, definition, object);
    }
    const validation = fieldValidation(exchange.query);
    const patch = parsePatch(definition, type, text);
    const warnings = new Set<string>();
    const ref = storage(definition);
    const patched = await this.#registry.modify(
      ref,
      namespace,
      name,
      (current) => {
        const before = served(definition, current);
        const next = patchedObject(definition, patch, before, validation, (t) => warnings.add(t));
        if (next.metadata.resourceVersion !== current.metadata.resourceVersion && next.metadata.resourceVersion)
          throw conflict(definition, name);
        if (next.metadata.uid !== undefined && next.metadata.uid !== current.metadata.uid)
          throw conflict(
            definition,
            name,
            `Precondition failed: UID in precondition: ${next.metadata.uid}, UID in object meta: ${current.metadata.uid}`,
          );
        return stored(definition, next);
      },
      options,
    );
    exchange.warnings.push(...warnings);
    await this.#answer(exchange, 200, definition, patched);
  }

  async #delete(exchange: Exchange, target: Target, name: string): Promise<void> {
    const { definition, namespace = '' } = target;
    const options = await deleteOptions(exchange);
    const { object, removed } = await this.#registry.delete(storage(definition), namespace, name, options);
    if (!removed || definition.kind === 'Pod') return this.#answer(exchange, 200, definition, object);
    const { uid } = object.metadata;
    const form = negotiate(exchange.header('accept'));
    const details = {
      name,
      ...(definition.group === '' ? {} : { group: definition.group }),
      kind: definition.resource,
      ...(uid ? { uid } : {}),
    };
    await reply(exchange, 200, success(details), form);
  }

  async #deleteCollection(exchange: Exchange, target: Target): Promise<void> {
    const { definition } = target;
    const options = await deleteOptions(exchange);
    const form = negotiate(exchange.header('accept'));
    const { items, meta } = await list(
      this.#registry.cache,
      definition,
      selection(target, exchange.query),
      exchange.query,
    );
    for (const { metadata } of items) {
      const gone = this.#registry.delete(storage(definition), metadata.namespace ?? '', metadata.name, options);
      await gone.catch((error: { readonly reason?: string }) => {
        if (error.reason !== 'NotFound') throw error;
      });
    }
    await reply(exchange, 200, listAs(definition, items, meta, form, exchange.query, this.#clock.wall()), form);
  }

  async #subresource(exchange: Exchange, target: Target, subresource: string): Promise<void> {
    const { definition, name = '', namespace = '' } = target;
    if (subresource === 'status' && definition.status) {
      if (exchange.method === 'GET') return this.#get(exchange, target, name);
      if (exchange.method === 'PUT') return this.#update(exchange, target, name, 'status');
      if (exchange.method === 'PATCH') return this.#patch(exchange, target, name, 'status');
      throw methodNotSupported();
    }
    if (subresource === 'scale' && definition.scale) return this.#scale(exchange, target, name);
    if (subresource === 'finalize' && definition.kind === 'Namespace' && exchange.method === 'PUT')
      return this.#update(exchange, target, name, 'finalize');
    if (subresource === 'binding' && definition.kind === 'Pod' && exchange.method === 'POST') {
      const body = await readObject(exchange);
      const node = (body?.object.target as { name?: string } | undefined)?.name;
      if (!node) throw badRequest('target.name is needed: the name of the node');
      await this.#registry.bind(namespace, name, node, writeOptions(exchange));
      return reply(exchange, 201, success(), negotiate(exchange.header('accept')));
    }
    throw unknownPath();
  }

  async #scale(exchange: Exchange, target: Target, name: string): Promise<void> {
    const { definition, namespace = '' } = target;
    const scale = scaleDefinition(definition);
    if (exchange.method === 'GET') return this.#answer(exchange, 200, scale, scaleOf(this.#find(target, name)));
    const options: WriteOptions = writeOptions(exchange);
    const change = await this.#scaleChange(exchange, scale, name);
    const updated = await this.#registry.modify(definition, namespace, name, change, options);
    await this.#answer(exchange, 200, scale, scaleOf(updated));
  }

  async #scaleChange(exchange: Exchange, scale: Definition, name: string): Promise<(o: KubeObject) => KubeObject> {
    if (exchange.method === 'PUT') {
      const wanted = await this.#readBody(exchange, scale);
      return (current) => {
        const version = wanted.metadata.resourceVersion;
        if (version && version !== current.metadata.resourceVersion) throw conflict(scale, name);
        return withScale(current, wanted as unknown as Readonly<Record<string, unknown>>);
      };
    }
    if (exchange.method !== 'PATCH') throw methodNotSupported();
    const patch = parsePatch(scale, mediaType(exchange), await exchange.text());
    const validation = fieldValidation(exchange.query);
    return (current) => {
      const next = patchedObject(scale, patch, scaleOf(current), validation, (t) => exchange.warnings.push(t));
      return withScale(current, next as unknown as Readonly<Record<string, unknown>>);
    };
  }
}

const storage = (definition: Definition): ResourceRef => definition.view?.storage ?? definition;

/** The stored form of an object in the served form. */
function stored(definition: Definition, object: KubeObject): KubeObject {
  return definition.view ? definition.view.toStored(object) : object;
}

function wantsWatch(exchange: Exchange, target: Target): boolean {
  const watch = exchange.query.get('watch');
  return target.watchPrefix || watch === 'true' || watch === '1';
}
