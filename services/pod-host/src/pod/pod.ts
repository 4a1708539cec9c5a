import { createHash } from 'node:crypto';
import {
  type Clock,
  type Container as ContainerSpec,
  type Pod as PodObject,
  parseDuration,
  type Random,
} from '@svclab/core';
import type { Netns } from '@svclab/runtime';
import type { HostedContainer, HostedPod } from '@svclab/wire';
import { BEHAVIOUR_PREFIX, type Behaviour, parseBehaviour, resolveBehaviour } from '../behaviour/behaviour.ts';
import { BehaviourSettings } from '../behaviour/settings.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import { Resolver } from '../resolver/resolver.ts';
import { RESOLVER_DEFAULTS } from '../resolver/search.ts';
import { Upstream } from '../resolver/upstream.ts';
import { Container } from './container.ts';
import { knownHosts, type PodFiles, podFiles } from './files.ts';

/** What a pod is made of. */
export interface PodOptions {
  readonly object: PodObject;
  /** Empty with hostNetwork. */
  readonly ip: string;
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** Container name -> environment. */
  readonly env: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly network: PodNetwork;
  /** Name of the node. */
  readonly node: string;
  /** Cluster domain. */
  readonly domain: string;
  /** Knob `pods.startupDelay`, milliseconds. */
  readonly startupDelay: number;
  readonly clock: Clock;
  readonly random: Random;
  /** A container's state changed. */
  readonly onChange: () => void;
  /** Something in the pod's annotations cannot be read. */
  readonly onProblem: (problem: string) => void;
}

/** Default of `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE_SECONDS = 30;

/** A pod on this node: its network and its containers. */
export class Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly Container[];
  readonly #options: PodOptions;
  readonly #upstream: Upstream;
  readonly #settings = new BehaviourSettings();
  readonly #behaviours = new Map<string, Behaviour>();
  #annotations: Readonly<Record<string, string>>;

  constructor(options: PodOptions) {
    const { metadata, spec } = options.object;
    this.#options = options;
    this.uid = metadata.uid ?? '';
    this.namespace = metadata.namespace ?? 'default';
    this.name = metadata.name;
    this.#annotations = metadata.annotations ?? {};
    const { netns } = options.network;
    const resolver = new Resolver({
      netns,
      config: {
        ...RESOLVER_DEFAULTS,
        nameservers: options.nameservers,
        searches: options.searches,
        timeout: parseDuration(this.#annotations[`${BEHAVIOUR_PREFIX}dns-timeout`] ?? '') ?? RESOLVER_DEFAULTS.timeout,
      },
      hosts: knownHosts(options.object, options.ip),
      clock: options.clock,
      random: options.random,
    });
    this.#upstream = new Upstream({ netns, resolver, clock: options.clock, userAgent: `svclab/${this.name}` });
    this.containers = spec.containers.map((container) => this.#container(container));
    this.#refreshBehaviour();
  }

  /** The Pod as it was when it started. */
  get object(): PodObject {
    return this.#options.object;
  }

  get netns(): Netns {
    return this.#options.network.netns;
  }

  get hostInterface(): string {
    return this.#options.network.hostInterface;
  }

  /** The pod's `/etc`. */
  get files(): PodFiles {
    const { object, ip, nameservers, searches, domain } = this.#options;
    return podFiles({ pod: object, ip, nameservers, searches, domain, ndots: RESOLVER_DEFAULTS.ndots });
  }

  /** A container by name; the first one for an empty name. */
  container(name: string): Container | undefined {
    return name === '' ? this.containers[0] : this.containers.find((c) => c.name === name);
  }

  /** Starts all containers that do not run yet. */
  start(): void {
    for (const container of this.containers) container.start();
  }

  /** Takes over what may change while a pod runs: its annotations. */
  update(object: PodObject): void {
    this.#annotations = object.metadata.annotations ?? {};
    this.#refreshBehaviour();
  }

  /**
   * Changes behaviour at run time: key (with or without `svclab.dev/`) -> value, empty to go back to what it was without.
   * Fails with `BehaviourError`, changing nothing.
   * @param source whose settings these are; `reset` takes back all of that source first
   */
  setBehaviour(settings: Readonly<Record<string, string>>, source = '', reset = false): void {
    const entries = Object.entries(settings).map(
      ([key, value]) => [key.startsWith(BEHAVIOUR_PREFIX) ? key.slice(BEHAVIOUR_PREFIX.length) : key, value] as const,
    );
    for (const [key, value] of entries) if (value !== '') parseBehaviour(key, value);
    this.#settings.set(source, new Map(entries), reset);
    this.#refreshBehaviour();
  }

  /** Takes back what was set at run time by a source. */
  resetBehaviour(): void {
    this.#settings.resetSources();
    this.#refreshBehaviour();
  }

  /** Ends one container and starts it again. */
  async restartContainer(container: Container): Promise<void> {
    await container.restart(this.#graceMs());
  }

  /** Ends one container politely. */
  async stopContainer(container: Container): Promise<void> {
    await container.stop(this.#graceMs());
  }

  /** Tells the containers that the end is near. */
  lameDuck(): void {
    for (const container of this.containers) container.lameDuck();
  }

  /** Kills all containers at once; the network stays, as a sandbox outlives its containers. */
  kill(): void {
    for (const container of this.containers) container.kill();
  }

  /** Ends politely and removes the network. */
  async stop(): Promise<void> {
    await Promise.all(this.containers.map((container) => container.stop(this.#graceMs())));
    this.#upstream.close();
    await this.#options.network.remove();
  }

  /** As it goes over the wire. */
  describe(): HostedPod {
    return {
      namespace: this.namespace,
      name: this.name,
      uid: this.uid,
      ip: this.#options.ip,
      hostInterface: this.hostInterface,
      containers: this.containers.map((container) => describeContainer(this.uid, container)),
    };
  }

  #graceMs(): number {
    return (this.#options.object.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
  }

  #refreshBehaviour(): void {
    for (const { name } of this.#options.object.spec.containers) {
      const { behaviour, problems } = resolveBehaviour({
        startupDelay: this.#options.startupDelay,
        env: this.#options.env.get(name) ?? {},
        annotations: this.#annotations,
        overrides: this.#settings.effective(),
      });
      this.#behaviours.set(name, behaviour);
      for (const problem of problems) this.#options.onProblem(problem);
    }
    for (const container of this.containers) container.behave();
  }

  #container(spec: ContainerSpec): Container {
    const { network, node, ip, clock, random, onChange, env } = this.#options;
    const behaviour = (): Behaviour => this.#behaviours.get(spec.name) as Behaviour;
    return new Container({
      spec,
      identity: {
        pod: this.name,
        namespace: this.namespace,
        uid: this.uid,
        node,
        container: spec.name,
        image: spec.image ?? '',
        ip,
      },
      env: env.get(spec.name) ?? {},
      netns: network.netns,
      clock,
      random,
      behaviour,
      callUpstream: (url) => {
        const { upstreamKeepAlive: keepAlive, upstreamTimeout: timeoutMs } = behaviour();
        return this.#upstream.call({ url, keepAlive, timeoutMs });
      },
      refusal: refusalOf(this.#annotations),
      onChange,
    });
  }
}

/** Why the containers of a pod cannot run: it asks for a runtime that is not there. */
function refusalOf(
  annotations: Readonly<Record<string, string>>,
): { readonly reason: string; readonly message: string } | undefined {
  const runtime = annotations[`${BEHAVIOUR_PREFIX}runtime`];
  if (runtime === undefined || runtime === 'emulated') return undefined;
  return {
    reason: 'CreateContainerConfigError',
    message: `Annotation ${BEHAVIOUR_PREFIX}runtime does not take "${runtime}": this version runs emulated containers only`,
  };
}

function describeContainer(uid: string, container: Container): HostedContainer {
  const { state } = container;
  const terminated = state.kind === 'terminated' ? state : undefined;
  const id = createHash('sha256').update(`${uid}/${container.name}/${container.restarts}`).digest('hex');
  return {
    name: container.name,
    state: state.kind,
    reason: state.kind === 'running' ? '' : state.reason,
    message: state.kind === 'running' ? '' : state.message,
    exitCode: terminated?.exitCode ?? 0,
    startedWallMs: BigInt(Math.round(state.kind === 'waiting' ? 0 : state.startedMs)),
    finishedWallMs: BigInt(Math.round(terminated?.finishedMs ?? 0)),
    restartCount: container.restarts,
    containerId: state.kind === 'waiting' ? '' : `svclab://${id}`,
  };
}
