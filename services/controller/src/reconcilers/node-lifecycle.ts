import {
  type Cancel,
  conditionOf,
  isSilenced,
  lifecycleTaints,
  markedPod,
  type Node,
  NodeMonitor,
  type Pod,
  podsToMark,
  RESOURCES,
  returnedNode,
  type StoreEvent,
  silencedNode,
} from '@svclab/core';
import type { Heartbeats } from './heartbeats.ts';
import { isAbout, type Reconciler, type ReconcilerContext, unlessGone } from './reconciler.ts';

const COMPONENT = 'node-controller';
const ACTOR = { actor: COMPONENT } as const;

/** Declares nodes that have fallen silent, takes their pods out of the endpoints, keeps the taints, and undoes it when they return. */
export class NodeLifecycleReconciler implements Reconciler {
  readonly name = 'node-lifecycle';
  readonly workers = 8;
  readonly #context: ReconcilerContext;
  readonly #heartbeats: Heartbeats;
  readonly #monitor: NodeMonitor;
  #silent: ReadonlySet<string> = new Set();
  #held: string | undefined;

  constructor(context: ReconcilerContext, heartbeats: Heartbeats) {
    this.#context = context;
    this.#heartbeats = heartbeats;
    const { knobs, clock } = context;
    const limits = { graceMs: knobs['node.monitorGracePeriod'], periodMs: knobs['node.monitorPeriod'] };
    this.#monitor = new NodeMonitor(limits, clock.now());
  }

  *keysFor(event: StoreEvent): Iterable<string> {
    if (!isAbout(event, RESOURCES.nodes)) return;
    if (event.type === 'DELETED') this.#monitor.forget(event.key.name);
    else {
      this.#stamp(event.object as Node, event.previous as Node | undefined);
      yield event.key.name;
    }
  }

  *seed(): Iterable<string> {
    for (const node of this.#context.registry.list(RESOURCES.nodes)) yield node.metadata.name;
  }

  begin(add: (key: string) => void): Cancel {
    const { clock, registry, knobs } = this.#context;
    const ends = [
      this.#heartbeats.onNode((name) => {
        this.#monitor.heard(name, clock.now());
        const node = registry.get<Node>(RESOURCES.nodes, '', name);
        if (node && isSilenced(node)) add(name);
      }),
      this.#heartbeats.onDns(() => this.#monitor.sound(clock.now())),
      clock.every(knobs['node.monitorPeriod'], () => this.#look(add)),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  #look(add: (key: string) => void): void {
    const { clock, registry, log } = this.#context;
    const names = registry.list(RESOURCES.nodes).map((n) => n.metadata.name);
    const { silent, held } = this.#monitor.look(names, this.#heartbeats.connected, clock.now());
    if (held !== this.#held) log.info({ event: 'node-monitor', held: held ?? 'no' });
    this.#held = held;
    const before = this.#silent;
    this.#silent = new Set(silent);
    for (const name of silent) if (!before.has(name)) add(name);
  }

  async reconcile(name: string): Promise<number | undefined> {
    const { registry, clock } = this.#context;
    let node = registry.get<Node>(RESOURCES.nodes, '', name);
    if (!node) return undefined;
    const isSilent = this.#silent.has(name) && !this.#monitor.isAlive(name, clock.now());
    if (isSilent) node = await this.#setStatus(node, (n) => silencedNode(n, clock.wall()));
    else if (isSilenced(node) && this.#monitor.isAlive(name, clock.now()))
      node = await this.#setStatus(node, (n) => returnedNode(n, clock.wall()));
    if (!node) return undefined;
    if (isSilenced(node)) await this.#markPods(name);
    if (lifecycleTaints(node, clock.wall()) !== (node.spec?.taints ?? [])) await this.#setTaints(name);
    return undefined;
  }

  async #setStatus(node: Node, change: (node: Node) => Node): Promise<Node | undefined> {
    return unlessGone(
      this.#context.registry.modify<Node>(RESOURCES.nodes, '', node.metadata.name, change, {
        ...ACTOR,
        subresource: 'status',
      }),
    );
  }

  async #setTaints(name: string): Promise<void> {
    const { registry, clock } = this.#context;
    await unlessGone(
      registry.modify<Node>(
        RESOURCES.nodes,
        '',
        name,
        (node) => {
          const present = node.spec?.taints ?? [];
          const taints = lifecycleTaints(node, clock.wall());
          if (taints === present) return undefined;
          const { taints: _taints, ...spec } = node.spec;
          return { ...node, spec: { ...spec, ...(taints.length > 0 ? { taints } : {}) } };
        },
        ACTOR,
      ),
    );
  }

  async #markPods(name: string): Promise<void> {
    const { registry, recorder, clock } = this.#context;
    const pods = registry.list<Pod>(RESOURCES.pods).filter((pod) => pod.spec.nodeName === name);
    await Promise.all(
      podsToMark(pods).map(async (pod) => {
        const { namespace = '', name: podName, uid } = pod.metadata;
        const change = (current: Pod): Pod | undefined =>
          current.metadata.uid === uid && current.spec.nodeName === name ? markedPod(current, clock.wall()) : undefined;
        await unlessGone(
          registry.modify<Pod>(RESOURCES.pods, namespace, podName, change, { ...ACTOR, subresource: 'status' }),
        );
        recorder.record(pod, COMPONENT, { type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' });
      }),
    );
  }

  /** Tells the timeline and the node's events when a node became ready or ceased to be. */
  #stamp(node: Node, before: Node | undefined): void {
    const { timeline, recorder } = this.#context;
    const ready = conditionOf(node.status?.conditions, 'Ready');
    const old = conditionOf(before?.status?.conditions, 'Ready');
    const isReady = ready?.status === 'True';
    if (!ready || isReady === (old?.status === 'True')) return;
    const target = node.metadata.name;
    if (!isReady && !old) return;
    timeline.stamp(isReady ? 'node.ready' : 'node.not-ready', {
      cause: ready.message ?? '',
      attrs: { target, ready: ready.status, reason: ready.reason ?? '' },
    });
    const reason = isReady ? 'NodeReady' : 'NodeNotReady';
    recorder.record(node, COMPONENT, {
      type: 'Normal',
      reason,
      message: `Node ${target} status is now: ${reason}`,
    });
  }
}
