/** The interfaces this node announces on, each with a packet socket. Rules: metallb/metallb `internal/layer2/announcer.go`. */
import { networkInterfaces } from 'node:os';
import { ETHERTYPE_ARP } from '@svclab/core';
import { type Logger, openPacketSocket, type PacketSocket } from '@svclab/runtime';
import type { Link } from './responder.ts';

/** Interfaces MetalLB leaves alone, by the beginning of their names. */
const EXCLUDED = /^(docker|cbr|dummy|virbr|lxcbr|veth|lo|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc|svclab-vxlan)/;

interface OpenLink extends Link {
  readonly socket: PacketSocket;
}

/** Interfaces that may announce now, without the one that carries `controlIP`. */
export function eligibleInterfaces(controlIP: string | undefined): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const v4 = addresses?.filter((a) => a.family === 'IPv4' && !a.internal) ?? [];
    const first = v4[0];
    if (!first || EXCLUDED.test(name) || v4.some((a) => a.address === controlIP)) continue;
    found.set(name, first.mac);
  }
  return found;
}

/** Keeps a socket on every eligible interface. */
export class Links {
  readonly #links = new Map<string, OpenLink>();
  readonly #options: { controlIP: string | undefined; log: Logger; onFrame: (frame: Uint8Array, link: Link) => void };

  constructor(options: {
    controlIP: string | undefined;
    log: Logger;
    onFrame: (frame: Uint8Array, link: Link) => void;
  }) {
    this.#options = options;
  }

  /** All links, or those of the named interfaces. Finding none, it looks once more: one that has just come must not wait for the next scan. */
  list(names: readonly string[]): Link[] {
    const find = (): Link[] => [...this.#links.values()].filter((l) => names.length === 0 || names.includes(l.name));
    const found = find();
    if (found.length > 0) return found;
    this.rescan();
    return find();
  }

  /** Opens what is new and closes what is gone. */
  rescan(): void {
    const eligible = eligibleInterfaces(this.#options.controlIP);
    for (const [name, link] of this.#links)
      if (eligible.get(name) !== link.mac) {
        link.socket.close();
        this.#links.delete(name);
      }
    for (const [name, mac] of eligible) if (!this.#links.has(name)) this.#open(name, mac);
  }

  close(): void {
    for (const link of this.#links.values()) link.socket.close();
    this.#links.clear();
  }

  #open(name: string, mac: string): void {
    try {
      const link: OpenLink = {
        name,
        mac,
        socket: openPacketSocket({
          interface: name,
          etherType: ETHERTYPE_ARP,
          onFrame: (frame) => this.#options.onFrame(frame, link),
          onError: (err) => {
            this.#options.log.warn({ event: 'link-lost', interface: name, err });
            if (this.#links.get(name) === link) this.#links.delete(name);
          },
        }),
      };
      this.#links.set(name, link);
      this.#options.log.info({ event: 'link', interface: name, mac });
    } catch (err) {
      this.#options.log.error({ event: 'link-failed', interface: name, err });
    }
  }
}
