import type { Doorway } from './doorway.ts';
import type { LabClient, ServiceAddress } from './lab-client.ts';

/** What a Service's handle works with. */
export interface LabServiceParts {
  readonly client: LabClient;
  readonly doorway: Doorway;
  readonly port: number | string | undefined;
}

/** A Service of the lab, reachable from this machine. It is looked up when it is used. */
export class LabService {
  readonly namespace: string;
  readonly name: string;
  readonly #parts: LabServiceParts;

  /** @param id `name` or `namespace/name` */
  constructor(id: string, parts: LabServiceParts) {
    const [name = '', namespace = 'default', ...rest] = id.split('/').reverse();
    if (rest.length > 0 || name === '' || namespace === '')
      throw new Error(`Service "${id}" is no name: give "web" or "shop/web"`);
    this.name = name;
    this.namespace = namespace;
    this.#parts = parts;
  }

  /** The port of 127.0.0.1 that leads to it, for TCP of any kind. */
  get port(): number {
    const { doorway, port } = this.#parts;
    return doorway.port(`${this.name}.${this.namespace}${port === undefined ? '' : `:${port}`}`);
  }

  /** URL on this machine: what `fetch` takes. Connections begin at the lab's client host, or on a node when there is only a cluster IP. */
  url(path = '/'): string {
    return new URL(path, `http://127.0.0.1:${this.port}`).href;
  }

  /** Where it is asked for inside the lab. Rejects with a LabRequestError (404) when it does not exist. */
  address(): Promise<ServiceAddress> {
    return this.#parts.client.service(this.namespace, this.name, this.#parts.port);
  }

  /** Its address inside the lab: the load balancer's, else a node's, else the cluster IP. */
  async ip(): Promise<string> {
    return (await this.address()).ip;
  }

  /** URL as the lab's client host asks for it. Rejects when the Service has only a cluster IP: no caller outside the cluster can reach that. */
  async insideUrl(path = '/'): Promise<string> {
    const { ip, port, from, type } = await this.address();
    if (from !== 'client-1')
      throw new Error(
        `Service ${this.namespace}/${this.name} is of type ${type}: the client host is outside the cluster and reaches LoadBalancer and NodePort Services`,
      );
    return new URL(path, `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`).href;
  }

  /** The node that announces its address; empty when none does. */
  async owner(): Promise<string> {
    const vips = await this.#parts.client.vips();
    return vips.find((v) => v.namespace === this.namespace && v.service === this.name)?.owner ?? '';
  }
}
