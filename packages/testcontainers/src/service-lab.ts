import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  GenericContainer,
  getContainerRuntimeClient,
  getReaper,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { Doorway } from './doorway.ts';
import { LabClient } from './lab-client.ts';
import { joinManifests, type ManifestInput, manifestText, poolManifests } from './manifests.ts';
import { API_PORT, ENDPOINT_PORT, StartedServiceLab } from './started-service-lab.ts';

/** Addresses LoadBalancer Services get when {@link ServiceLab.withAddressPool} is given none. */
const POOL = '172.30.0.200-172.30.0.250';
/** How long a lab may take to be ready, ms. */
const STARTUP_MS = 60_000;
/** Lines of the container's log that go into the message when it does not start. */
const KEPT_LINES = 10;

/**
 * A whole lab in one container: nodes, the Kubernetes API, DNS, announcers and a client host. Needs an engine that lets a container have
 * NET_ADMIN, NET_RAW and SYS_ADMIN; it is not privileged.
 *
 *     await using lab = await new ServiceLab('svclab:0.1.0').withNodes(3).withManifests('web.yaml').start();
 */
export class ServiceLab extends GenericContainer {
  readonly #token = randomUUID();
  readonly #knobs = new Map<string, string>();
  readonly #manifests: string[] = [];
  readonly #log: string[] = [];

  /** @param image an image made from svclab's compose/Dockerfile */
  constructor(image: string) {
    super(image);
    this.withEntrypoint(['svclab-lab'])
      .withUser('0:0')
      .withAddedCapabilities('NET_ADMIN', 'NET_RAW', 'SYS_ADMIN')
      .withTmpFs({ '/run/svclab': 'rw,mode=1777' })
      .withExposedPorts(API_PORT, ENDPOINT_PORT)
      .withEnvironment({ SVCLAB_TOKEN: this.#token })
      .withWaitStrategy(Wait.forLogMessage(/"event":"lab-ready"/))
      .withStartupTimeout(STARTUP_MS)
      .withLogConsumer((stream) => this.#keep(stream));
  }

  /** Number of nodes, 1 to 90 (default 3). */
  withNodes(nodes: number): this {
    return this.withEnvironment({ SVCLAB_NODES: String(nodes) });
  }

  /** Timers: `realistic` (default) has those of MetalLB, kube-proxy and the kubelet, `fast` is as quick as is safe. */
  withProfile(profile: 'realistic' | 'fast'): this {
    return this.withEnvironment({ SVCLAB_PROFILE: profile });
  }

  /** Sets one timer on top of the profile: `withKnob('membership.probeInterval', '200ms')`. */
  withKnob(name: string, value: string | number): this {
    this.#knobs.set(name, String(value));
    return this.withEnvironment({ SVCLAB_SET: [...this.#knobs].map(([k, v]) => `${k}=${v}`).join(',') });
  }

  /** Applies these at start and waits until they serve: paths of files or directories, YAML text, objects. Read now, so a path that is not there fails here. */
  withManifests(...manifests: readonly ManifestInput[]): this {
    this.#manifests.push(...manifests.map(manifestText));
    return this;
  }

  /** Gives LoadBalancer Services addresses of `range`, announced on the node LAN. */
  withAddressPool(range: string = POOL): this {
    this.#manifests.unshift(...poolManifests(range).map(manifestText));
    return this;
  }

  /** Starts the lab; resolves when it serves and the manifests do. On failure nothing is left running. */
  override async start(): Promise<StartedServiceLab> {
    await this.#requireCleaner();
    const container = await this.#launch();
    try {
      const endpoint = () => ({
        url: `http://${container.getHost()}:${container.getMappedPort(ENDPOINT_PORT)}`,
        token: this.#token,
      });
      const client = new LabClient(endpoint());
      const kubeconfig = await client.kubeconfig();
      if (this.#manifests.length > 0) await client.apply(joinManifests(this.#manifests));
      return new StartedServiceLab(container, { endpoint, kubeconfig, doorway: await Doorway.open(endpoint) });
    } catch (error) {
      await container.stop();
      throw error;
    }
  }

  #keep(stream: Readable): void {
    stream.on('data', (chunk: Buffer | string) => {
      this.#log.push(
        ...String(chunk)
          .split('\n')
          .filter((line) => line.trim() !== ''),
      );
      this.#log.splice(0, Math.max(0, this.#log.length - KEPT_LINES));
    });
    stream.on('error', () => {});
  }

  /** Testcontainers' cleaner is a container of its own; where its image cannot be had the message would not say what is missing. */
  async #requireCleaner(): Promise<void> {
    if (!this.autoCleanup || this.reuse) return;
    const client = await getContainerRuntimeClient();
    await getReaper(client).catch((error: unknown) => {
      throw new Error(
        `Testcontainers' cleaner (image testcontainers/ryuk) cannot be started: pull it, or set TESTCONTAINERS_RYUK_DISABLED=true and stop the lab in your test (${messageOf(error)})`,
        { cause: error },
      );
    });
  }

  async #launch(): Promise<StartedTestContainer> {
    try {
      return await super.start();
    } catch (error) {
      const client = await getContainerRuntimeClient();
      if (!(await client.image.exists(this.imageName)))
        throw new Error(
          `Image ${this.imageName.string} is not here and cannot be pulled: build it with "docker build -t ${this.imageName.string} -f compose/Dockerfile ." in a checkout of svclab (${messageOf(error)})`,
          { cause: error },
        );
      const said = this.#log.length === 0 ? '' : `\nThe container's last words:\n${this.#log.join('\n')}`;
      throw new Error(`The lab did not start: ${messageOf(error)}${said}`, { cause: error });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
