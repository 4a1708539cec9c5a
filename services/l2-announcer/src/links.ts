/** The interfaces this node announces on, each with a packet socket. Rules: metallb/metallb `internal/layer2/announcer.go`. */
import { networkInterfaces } from 'node:os';
import { ETHERTYPE_ARP, inRange, parseCidr, parseIp } from '@svclab/core';
import { interfaceIndex, type Logger, openPacketSocket, type PacketSocket } from '@svclab/runtime';
import type { Link } from './responder.ts';

/** Interfaces MetalLB leaves alone, by the beginning of their names, and the pod network's own device. */
const EXCLUDED =
  /^(docker|cbr|dummy|virbr|lxcbr|veth|lo|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc|svclab-vxlan)/;

/** An interface that may announce. */
interface Eligible {
  /** Another one of the same name has another. */
  readonly index: number;
  readonly mac: string;
}

interface OpenLink extends Link, Eligible {
  readonly socket: PacketSocket;
}

/** Interfaces that may announce now, by name, without those in the control network (CIDR). */
export function eligibleInterfaces(controlCIDR: string): Map<string, Eligible> {
  const control = parseCidr(controlCIDR);
  const isControl = (address: string): boolean => {
    const ip = parseIp(address);
    return control !== undefined && ip !== undefined && inRange(control, ip);
  };
  const found = new Map<string, Eligible>();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const v4 = addresses?.filter((a) => a.family === 'IPv4' && !a.internal) ?? [];
    const first = v4[0];
    if (!first || EXCLUDED.test(name) || v4.some((a) => isControl(a.address))) continue;
    const index = interfaceIndex(name);
    if (index !== undefined) found.set(name, { index, mac: first.mac });
  }
  return found;
}

/** Keeps a socket on every eligible interface. */
export class Links {
  readonly #links = new Map<string, OpenLink>();
  readonly #options: { controlCIDR: string; log: Logger; onFrame: (frame: Uint8Array, link: Link) => void };

  constructor(options: {
    controlCIDR: string;
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
    const eligible = eligibleInterfaces(this.#options.controlCIDR);
    for (const [name, link] of this.#links)
      if (eligible.get(name)?.index !== link.index || eligible.get(name)?.mac !== link.mac) {
        link.socket.close();
        this.#links.delete(name);
      }
    for (const [name, found] of eligible) if (!this.#links.has(name)) this.#open(name, found);
  }

  close(): void {
    for (const link of this.#links.values()) link.socket.close();
    this.#links.clear();
  }

  #open(name: string, { index, mac }: Eligible): void {
    try {
      const link: OpenLink = {
        name,
        index,
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
