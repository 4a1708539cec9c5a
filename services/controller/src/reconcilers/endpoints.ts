import {
  decideEndpoints,
  type EndpointsDecision,
  hasSelector,
  jsonEqual,
  mapSelects,
  type Node,
  type Pod,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type Service,
  type StoreEvent,
  TriggerTimes,
  withTriggerTime,
} from '@svclab/core';
import { presentEndpoints, removeEndpoints, writeEndpoints } from './endpoints-writer.ts';
import { isAbout, objectKey, type Reconciler, type ReconcilerContext, splitKey } from './reconciler.ts';

const ZONE = 'topology.kubernetes.io/zone';

/** EndpointSlices and Endpoints of Services with a selector. */
export class EndpointsReconciler implements Reconciler {
  readonly name = 'endpoints';
  readonly workers = 8;
  readonly delayMs: number;
  readonly #context: ReconcilerContext;
  readonly #triggers = new TriggerTimes();

  constructor(context: ReconcilerContext) {
    this.#context = context;
    this.delayMs = context.knobs['endpoints.batchPeriod'];
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    const { namespace, name } = event.key;
    if (isAbout(event, RESOURCES.pods)) yield* this.#servicesOf(event);
    else if (isAbout(event, RESOURCES.services)) yield objectKey(event.object);
    else if (isAbout(event, RESOURCES.endpoints)) yield `${namespace}/${name}`;
    else if (isAbout(event, RESOURCES.endpointslices)) {
      const service = event.object.metadata.labels?.[SERVICE_NAME_LABEL];
      if (service) yield `${namespace}/${service}`;
    } else if (isAbout(event, RESOURCES.nodes) && zoneOf(event.object as Node) !== zoneOf(event.previous as Node))
      yield* this.seed();
  }

  *seed(): Iterable<string> {
    for (const service of this.#context.registry.list(RESOURCES.services)) yield objectKey(service);
    // Endpoints whose Service went while nobody looked.
    for (const slice of this.#context.registry.list(RESOURCES.endpointslices)) {
      const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
      if (service) yield `${slice.metadata.namespace}/${service}`;
    }
    for (const endpoints of this.#context.registry.list(RESOURCES.endpoints)) yield objectKey(endpoints);
  }

  *#servicesOf(event: StoreEvent): Iterable<string> {
    const pod = event.object as Pod;
    const before = event.previous as Pod | undefined;
    if (event.type === 'MODIFIED' && before && !concernsEndpoints(pod, before)) return;
    for (const service of this.#context.registry.list<Service>(RESOURCES.services, event.key.namespace)) {
      const { selector } = service.spec;
      if (mapSelects(selector, pod.metadata.labels) || mapSelects(selector, before?.metadata.labels))
        yield objectKey(service);
    }
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { registry } = this.#context;
    const { namespace, name } = splitKey(key);
    const service = registry.get<Service>(RESOURCES.services, namespace, name);
    if (!service) {
      this.#triggers.forget(namespace, name);
      await removeEndpoints(this.#context, namespace, name);
      return undefined;
    }
    if (!hasSelector(service) || service.metadata.deletionTimestamp) return undefined;
    const present = presentEndpoints(this.#context, namespace, name);
    const pods = registry.list<Pod>(RESOURCES.pods, namespace);
    const decision = decideEndpoints(service, pods, (node) => registry.get<Node>(RESOURCES.nodes, '', node), present);
    const selected = pods.filter((pod) => mapSelects(service.spec.selector, pod.metadata.labels));
    const trigger = this.#triggers.next(service, selected);
    await writeEndpoints(this.#context, service, present, triggered(decision, trigger.atMs));
    trigger.taken();
    return undefined;
  }
}

/** What is written says since when it was due. */
function triggered({ slices, endpoints }: EndpointsDecision, atMs: number | undefined): EndpointsDecision {
  return {
    slices: {
      ...slices,
      create: slices.create.map((slice) => withTriggerTime(slice, atMs)),
      update: slices.update.map((slice) => withTriggerTime(slice, atMs)),
    },
    endpoints: endpoints && withTriggerTime(endpoints, atMs),
  };
}

/** Node or undefined -> its zone. */
function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.[ZONE];
}

/** True when a change of a pod can change an endpoint. */
function concernsEndpoints(pod: Pod, before: Pod): boolean {
  const relevant = ({ metadata, spec, status }: Pod): unknown => ({
    labels: metadata.labels,
    deleting: metadata.deletionTimestamp !== undefined,
    node: spec.nodeName,
    ips: status?.podIPs,
    ip: status?.podIP,
    ready: status?.conditions?.find((c) => c.type === 'Ready')?.status,
    phase: status?.phase,
  });
  return !jsonEqual(relevant(pod), relevant(before));
}
