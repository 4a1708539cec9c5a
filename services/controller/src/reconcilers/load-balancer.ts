import {
  ALLOCATED_FROM,
  decideLoadBalancers,
  type IPAddressPool,
  type LoadBalancerAssignment,
  type Namespace,
  type PoolStatus,
  RESOURCES,
  type Service,
  type StoreEvent,
} from '@svclab/core';
import { isAbout, type Reconciler, type ReconcilerContext, unlessGone } from './reconciler.ts';

const COMPONENT = 'metallb-controller';
const ACTOR = { actor: COMPONENT } as const;
const ALL = 'all';
/** Status writes under way at the same time. */
const PARALLEL = 16;

/** Addresses of LoadBalancer Services out of the IPAddressPools. All Services are decided about at once: who gets an address depends on the others. */
export class LoadBalancerReconciler implements Reconciler {
  readonly name = 'load-balancer';
  readonly #context: ReconcilerContext;
  #known: ReadonlyMap<string, string> = new Map();
  /** uid -> what has been said about the Service and still holds. */
  #said: ReadonlyMap<string, ReadonlySet<string>> = new Map();

  constructor(context: ReconcilerContext) {
    this.#context = context;
  }

  keysFor(event: StoreEvent): Iterable<string> {
    const isService = isAbout(event, RESOURCES.services);
    if (isService && ![event.object, event.previous].some((s) => s && isConcerned(s as Service))) return [];
    const concerned = isService || isAbout(event, RESOURCES.ipaddresspools) || isAbout(event, RESOURCES.namespaces);
    return concerned ? [ALL] : [];
  }

  seed(): Iterable<string> {
    return [ALL];
  }

  async reconcile(): Promise<number | undefined> {
    const { registry } = this.#context;
    const decision = decideLoadBalancers({
      services: registry.list<Service>(RESOURCES.services),
      pools: registry.list<IPAddressPool>(RESOURCES.ipaddresspools),
      namespaces: registry.list<Namespace>(RESOURCES.namespaces),
      known: this.#known,
    });
    // Addresses that are taken away first: nobody gets one that another still shows.
    const changed = decision.assignments.filter((a) => a.changed);
    await this.#writeAll(changed.filter((a) => a.ips.length === 0));
    await this.#writeAll(changed.filter((a) => a.ips.length > 0));
    this.#known = decision.known;
    this.#tell(decision.assignments);
    for (const pool of decision.pools) await this.#writePool(pool);
    return undefined;
  }

  async #writeAll(assignments: readonly LoadBalancerAssignment[]): Promise<void> {
    for (let i = 0; i < assignments.length; i += PARALLEL)
      await Promise.all(assignments.slice(i, i + PARALLEL).map((a) => this.#write(a)));
  }

  async #write({ service, ips, pool }: LoadBalancerAssignment): Promise<void> {
    const { namespace = '', name, uid } = service.metadata;
    await unlessGone(
      this.#context.registry.modify<Service>(
        RESOURCES.services,
        namespace,
        name,
        (current) => {
          if (current.metadata.uid !== uid) return undefined;
          const { [ALLOCATED_FROM]: _pool, ...others } = current.metadata.annotations ?? {};
          const annotations = pool === undefined ? others : { ...others, [ALLOCATED_FROM]: pool };
          const loadBalancer = ips.length > 0 ? { ingress: ips.map((ip) => ({ ip })) } : {};
          return {
            ...current,
            metadata: { ...current.metadata, annotations },
            status: { ...current.status, loadBalancer },
          };
        },
        { ...ACTOR, subresource: 'status' },
      ),
    );
  }

  #tell(assignments: readonly LoadBalancerAssignment[]): void {
    const { recorder, log } = this.#context;
    const said = new Map<string, ReadonlySet<string>>();
    for (const { service, events, standing, ips } of assignments) {
      const uid = service.metadata.uid ?? '';
      const before = this.#said.get(uid);
      const fresh = standing.filter((e) => !before?.has(`${e.reason} ${e.message}`));
      for (const event of [...fresh, ...events]) {
        recorder.record(service, COMPONENT, event);
        log.info({
          event: 'load-balancer',
          svc: `${service.metadata.namespace}/${service.metadata.name}`,
          reason: event.reason,
          message: event.message,
          ips,
        });
      }
      said.set(uid, new Set(standing.map((e) => `${e.reason} ${e.message}`)));
    }
    this.#said = said;
  }

  async #writePool({ pool, status }: PoolStatus): Promise<void> {
    const { namespace = '', name } = pool.metadata;
    await unlessGone(
      this.#context.registry.modify<IPAddressPool>(
        RESOURCES.ipaddresspools,
        namespace,
        name,
        (current) => ({ ...current, status }),
        { ...ACTOR, subresource: 'status' },
      ),
    );
  }
}

/** True for a Service that has, or may be given, an address. */
function isConcerned(service: Service): boolean {
  return (
    service.spec.type === 'LoadBalancer' ||
    (service.status?.loadBalancer?.ingress ?? []).length > 0 ||
    service.metadata.annotations?.[ALLOCATED_FROM] !== undefined
  );
}
