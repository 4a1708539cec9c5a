/** Connections into the lab from outside: a Service by name or any address, asked from the host that can reach it. */
import { isIP, type Socket } from 'node:net';
import { type LabConfig, PORTS, type Service } from '@svclab/core';
import { connectIn } from '@svclab/runtime';
import { badInput } from '../state/errors.ts';
import type { Lab } from '../supervisor/lab.ts';
import { type Door, doorOf, parseAuthority } from './door.ts';
import type { KubeClient } from './kube-client.ts';

/** How long a connection may take to come about, ms. */
const CONNECT_MS = 5000;

export class Dialer {
  readonly #lab: Lab;
  readonly #config: LabConfig;
  readonly #kube: KubeClient;

  constructor(lab: Lab, config: LabConfig, kube: KubeClient) {
    this.#lab = lab;
    this.#config = config;
    this.#kube = kube;
  }

  /** Finds out where `authority` (`web.shop:80`, `172.30.0.200:80`) is asked for. Fails with a LabError that says why it cannot be. */
  async door(authority: string): Promise<Door> {
    const client = this.#lab.hosts.find((h) => h.spec.role === 'client')?.spec.name ?? 'client-1';
    const ref = parseAuthority(authority, this.#config.domain);
    if (!ref) {
      const { hostname, port } = new URL(`http://${authority}`);
      const address = hostname.replace(/^\[|\]$/g, '');
      if (isIP(address) === 0)
        throw badInput(
          `"${authority}" is no Service of the lab and no address: give SERVICE.NAMESPACE:PORT or ADDRESS:PORT`,
        );
      if (Number(port) === PORTS.endpoint) throw badInput(`"${authority}" leads nowhere in the lab`);
      return { from: client, address, port: Number(port || 80) };
    }
    const service = await this.#kube.ask<Service>({
      path: `/api/v1/namespaces/${ref.namespace}/services/${ref.name}`,
    });
    if (!service) throw badInput(`Service ${ref.namespace}/${ref.name} does not exist`);
    const nodes = this.#lab.hosts.filter((h) => h.spec.role === 'node' && h.netns !== undefined).map((h) => h.spec);
    return doorOf(service, ref.port, { client, nodes });
  }

  /** Connects. Rejects with the reason when that fails. */
  connect(door: Door): Promise<Socket> {
    const netns = this.#lab.host(door.from).netns;
    if (!netns) return Promise.reject(badInput(`Host ${door.from} is down`));
    return new Promise((resolve, reject) => {
      const socket = connectIn(netns, { address: door.address, port: door.port });
      const where = `${door.address}:${door.port} from ${door.from}`;
      socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`${where} does not answer in ${CONNECT_MS} ms`)));
      socket.once('error', (error) => reject(new Error(`${where}: ${error.message}`, { cause: error })));
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.setNoDelay(true);
        resolve(socket);
      });
    });
  }
}
