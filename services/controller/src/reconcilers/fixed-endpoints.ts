import type { StoreEvent } from '@svclab/core';
import {
  type Cancel,
  decideFixedEndpoints,
  type FixedEndpoint,
  NodeMonitor,
  RESOURCES,
  type Service,
} from '@svclab/core';
import { presentEndpoints, writeEndpoints } from './endpoints-writer.ts';
import type { Heartbeats } from './heartbeats.ts';
import { isAbout, objectKey, type Reconciler, type ReconcilerContext, splitKey } from './reconciler.ts';

const API = 'default/kubernetes';
const DNS = 'kube-system/kube-dns';

/** What the API and DNS Services lead to. */
export interface FixedEndpointsOptions {
  /** Addresses of the API servers; without any the `kubernetes` Service has no endpoints. */
  readonly apiAddresses: readonly string[];
  readonly heartbeats: Heartbeats;
}

/** Endpoints of the Services whose servers are processes of the lab. A DNS server is one while its heartbeats come. */
export class FixedEndpointsReconciler implements Reconciler {
  readonly name = 'fixed-endpoints';
  readonly #context: ReconcilerContext;
  readonly #options: FixedEndpointsOptions;
  readonly #monitor: NodeMonitor;
  readonly #periodMs: number;
  /** Addresses of the DNS servers that serve. */
  readonly #serving = new Set<string>();

  constructor(context: ReconcilerContext, options: FixedEndpointsOptions) {
    this.#context = context;
    this.#options = options;
    const { knobs, clock } = context;
    this.#periodMs = Math.max(10, knobs['dns.grace'] / 10);
    this.#monitor = new NodeMonitor({ graceMs: knobs['dns.grace'], periodMs: this.#periodMs }, clock.now());
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (isAbout(event, RESOURCES.services) || isAbout(event, RESOURCES.endpoints)) {
      const key = objectKey(event.object);
      if (key === API || key === DNS) yield key;
    } else if (isAbout(event, RESOURCES.endpointslices)) {
      if (event.key.namespace === 'kube-system') yield DNS;
      if (event.key.namespace === 'default') yield API;
    }
  }

  *seed(): Iterable<string> {
    yield API;
    yield DNS;
  }

  begin(add: (key: string) => void): Cancel {
    const { clock } = this.#context;
    // Who served before this process started has a grace period to say so again.
    const { slices } = presentEndpoints(this.#context, 'kube-system', 'kube-dns');
    for (const slice of slices)
      for (const { addresses } of slice.endpoints ?? []) this.#serving.add(addresses[0] ?? '');
    const { heartbeats } = this.#options;
    const ends = [
      heartbeats.onDns(({ ip, ready }) => {
        if (ip === '') return;
        this.#monitor.heard(ip, clock.now());
        if (ready === this.#serving.has(ip)) return;
        if (ready) this.#serving.add(ip);
        else this.#serving.delete(ip);
        add(DNS);
      }),
      heartbeats.onNode(() => this.#monitor.sound(clock.now())),
      clock.every(this.#periodMs, () => {
        const { silent } = this.#monitor.look([...this.#serving], heartbeats.connected, clock.now());
        for (const ip of silent) this.#serving.delete(ip);
        if (silent.length > 0) add(DNS);
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#context.registry.get<Service>(RESOURCES.services, namespace, name);
    if (!service || Object.keys(service.spec.selector ?? {}).length > 0) return undefined;
    const ips = [...(key === DNS ? this.#serving : this.#options.apiAddresses)].sort();
    const fixed = ips.map((ip): FixedEndpoint => ({ ip, ready: true }));
    const present = presentEndpoints(this.#context, namespace, name);
    await writeEndpoints(this.#context, service, present, decideFixedEndpoints(service, fixed, present));
    return undefined;
  }
}
