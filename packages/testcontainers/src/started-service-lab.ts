import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbstractStartedContainer,
  type RestartOptions,
  type StartedTestContainer,
  type StopOptions,
  type StoppedTestContainer,
} from 'testcontainers';
import type { Doorway } from './doorway.ts';
import {
  type FaultEffect,
  type FaultOptions,
  type FaultVerb,
  LabClient,
  type LabEndpoint,
  type LabStatus,
  type MeasureOptions,
  type Vip,
} from './lab-client.ts';
import { LabService } from './lab-service.ts';
import { joinManifests, type ManifestInput, manifestText } from './manifests.ts';
import type { MeasurementReport, TimelineEvent } from './report.ts';
import { faultTarget } from './target.ts';

/** Port of the Kubernetes API inside the container. */
export const API_PORT = 6443;
/** Port of the lab's endpoint inside the container. */
export const ENDPOINT_PORT = 7704;

/** What a started lab works with. */
export interface StartedLabParts {
  readonly endpoint: () => LabEndpoint;
  readonly kubeconfig: string;
  readonly doorway: Doorway;
}

/** A lab that runs. `await using`, `stop()` or the end of the test session removes it. */
export class StartedServiceLab extends AbstractStartedContainer {
  readonly #parts: StartedLabParts;
  #files: string | undefined;

  constructor(container: StartedTestContainer, parts: StartedLabParts) {
    super(container);
    this.#parts = parts;
  }

  get #client(): LabClient {
    return new LabClient(this.#parts.endpoint());
  }

  /** The lab's HTTP endpoint, for other programs: its URL also serves as an HTTP proxy into the lab. */
  endpoint(): LabEndpoint {
    return this.#parts.endpoint();
  }

  /** URL of the Kubernetes API on this machine. */
  apiUrl(): string {
    return `https://${this.getHost()}:${this.getMappedPort(API_PORT)}`;
  }

  /** A kubeconfig for `kubectl` and Kubernetes clients on this machine. */
  kubeconfig(): string {
    const config = JSON.parse(this.#parts.kubeconfig) as { clusters: { cluster: Record<string, string> }[] };
    for (const { cluster } of config.clusters) {
      cluster.server = this.apiUrl();
      // The certificate does not stand for the engine's host when that is another machine.
      if (!['localhost', '127.0.0.1'].includes(this.getHost())) cluster['tls-server-name'] = 'localhost';
    }
    return `${JSON.stringify(config, null, 2)}\n`;
  }

  /** Path of a file that holds {@link kubeconfig}, for the environment variable KUBECONFIG. Removed when the lab is stopped. */
  kubeconfigFile(): string {
    this.#files ??= mkdtempSync(join(tmpdir(), 'svclab-'));
    const path = join(this.#files, 'kubeconfig');
    writeFileSync(path, this.kubeconfig(), { mode: 0o600 });
    return path;
  }

  /** Applies manifests (paths, YAML text, objects) and waits until what they describe serves. */
  async apply(...manifests: readonly ManifestInput[]): Promise<void> {
    await this.#client.apply(joinManifests(manifests.map(manifestText)));
  }

  /**
   * A Service by `name` or `namespace/name`. It need not exist yet.
   * @param options.port number or name of its port; the first when left out
   */
  service(name: string, options: { readonly port?: number | string } = {}): LabService {
    return new LabService(name, { client: this.#client, doorway: this.#parts.doorway, port: options.port });
  }

  /** Hosts and processes as they are now. */
  status(): Promise<LabStatus> {
    return this.#client.status();
  }

  /** Who owns each announced address. */
  vips(): Promise<Vip[]> {
    return this.#client.vips();
  }

  /** What every process saw and did, stamped by itself, from `since` (`at_ns` of an event) on. */
  timeline(since?: string): Promise<TimelineEvent[]> {
    return this.#client.timeline(since);
  }

  /**
   * Any fault. Targets: a host (`node-2`, `dns-1`, `controller-1`, `nats-1`), a process (`announcer/node-2`, `agent/node-2`,
   * `pods/node-2`), a pod (`pod/NAMESPACE/NAME`), or the node that owns a Service's address (`owner/NAMESPACE/NAME`, a {@link LabService}).
   * Also whatever else `svclab fault` takes: roles, links, labels.
   * @param options.hold keep a killed process down until `restart`
   * @param options.args `{ percent: 30, duration: '5s' }`
   */
  fault(verb: FaultVerb, target: string | LabService, options: FaultOptions = {}): Promise<FaultEffect> {
    return this.#client.fault(verb, faultTarget(target), options);
  }

  /** Power-off of a node (until `restart`); SIGKILL of a process, which is then started again; the end of a pod's containers. */
  kill(target: string | LabService, options: { readonly hold?: boolean } = {}): Promise<FaultEffect> {
    return this.fault('kill', target, options);
  }

  /** SIGSTOP: alive but silent. */
  pause(target: string | LabService): Promise<FaultEffect> {
    return this.fault('pause', target);
  }

  /** SIGCONT after {@link pause}. */
  resume(target: string | LabService): Promise<FaultEffect> {
    return this.fault('resume', target);
  }

  /** Cuts the node LAN between groups of hosts: `partition(['node-1'], ['node-2', 'node-3', 'client-1'])`. Hosts in no group reach all. */
  partition(...groups: readonly (readonly string[])[]): Promise<FaultEffect> {
    return this.#client.fault('partition', groups.map((group) => group.join(',')).join(' '));
  }

  /** Undoes the faults in effect, the latest first: all, or one by its id. */
  heal(id = ''): Promise<FaultEffect> {
    return this.#client.fault('heal', id);
  }

  /**
   * Measures what callers of a Service feel while `action` runs and until nothing is lost any more. A prober on the lab's client host asks
   * at a fixed pace, on a new connection each time and on one that is kept open.
   * @param what a Service, its `url()`, or an address inside the lab
   */
  async measure(
    what: string | LabService,
    action: () => unknown,
    options: MeasureOptions = {},
  ): Promise<MeasurementReport> {
    return this.#client.measure(await this.#insideUrl(what), action, options);
  }

  /** With a target: SIGTERM to its processes, which stay down until `restart`. Without: the lab itself ends. */
  override stop(target: string): Promise<FaultEffect>;
  override stop(options?: Partial<StopOptions>): Promise<StoppedTestContainer>;
  override stop(what: string | Partial<StopOptions> = {}): Promise<FaultEffect | StoppedTestContainer> {
    return typeof what === 'string' ? this.fault('stop', what) : this.#end(what);
  }

  /** With a target: brings back what is down; what runs is killed and started again. Without: restarts the container, whose cluster begins anew. */
  override restart(target: string): Promise<FaultEffect>;
  override restart(options?: Partial<RestartOptions>): Promise<void>;
  override restart(what: string | Partial<RestartOptions> = {}): Promise<unknown> {
    return typeof what === 'string' ? this.fault('restart', what) : super.restart(what);
  }

  async #end(options: Partial<StopOptions>): Promise<StoppedTestContainer> {
    this.#parts.doorway.close();
    if (this.#files !== undefined) rmSync(this.#files, { recursive: true, force: true });
    return super.stop(options);
  }

  /** From a URL of this machine to the one the client host asks for. */
  async #insideUrl(what: string | LabService): Promise<string> {
    if (typeof what !== 'string') return what.insideUrl();
    const url = new URL(what);
    const target = url.hostname === '127.0.0.1' ? this.#parts.doorway.targetOf(Number(url.port)) : undefined;
    if (target === undefined) return what;
    const [host = '', port] = target.split(':');
    const [name = '', namespace = 'default'] = host.split('.');
    return this.service(`${namespace}/${name}`, port === undefined ? {} : { port }).insideUrl(
      `${url.pathname}${url.search}`,
    );
  }
}
