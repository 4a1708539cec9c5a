/** Two nodes with pods, and a client beside them: network namespaces with real interfaces, for tests of the rules. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { ProxyNode } from '@svclab/core';
import {
  connectIn,
  createNetns,
  listenIn,
  type Netns,
  spawnIn,
  udpSocketIn,
  withNetns,
  writeSysctl,
} from '@svclab/runtime';
import type { Spawn } from '../src/exec.ts';

export const NODES = ['node-1', 'node-2'] as const;
export type NodeName = (typeof NODES)[number];
/** Address of the client. */
export const CLIENT = '172.30.0.101';

/** What a connection attempt led to. `from` is the source address the server saw. */
export type Outcome =
  | { readonly kind: 'answer'; readonly server: string; readonly from: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'silence' };

/** The node as its rules see it. */
export function proxyNode(name: NodeName): ProxyNode {
  const i = NODES.indexOf(name) + 1;
  return {
    name,
    ip: `172.30.0.1${i}`,
    podCIDR: `10.244.${i}.0/24`,
    clusterPodCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/16',
  };
}

/** The namespaces of a test. Everything ends with `close`. */
export class TwoNodeLab {
  readonly hosts = new Map<string, Netns>();
  readonly #closers: (() => void)[] = [];

  /** @param options.routes false leaves routes and default route to the code under test */
  constructor({ routes = true } = {}) {
    const lan = this.#host('lan');
    ip(lan, ['link add br0 type bridge', 'link set br0 up']);
    this.#attach('client', CLIENT);
    ip(this.ns('client'), ['route add default dev lan0']);
    for (const name of NODES) {
      const { ip: address } = proxyNode(name);
      this.#attach(name, address);
      withNetns(this.ns(name), () => {
        writeSysctl('net/ipv4/ip_forward', 1);
        for (const scope of ['all', 'default', 'lan0']) writeSysctl(`net/ipv4/conf/${scope}/send_redirects`, 0);
        // The kernel sends a peer one rejection a second after the first six: too few for the tests.
        writeSysctl('net/ipv4/icmp_ratelimit', 0);
      });
      if (!routes) continue;
      for (const other of NODES)
        if (other !== name)
          ip(this.ns(name), [`route add ${proxyNode(other).podCIDR} via ${proxyNode(other).ip} dev lan0`]);
      ip(this.ns(name), ['route add default dev lan0']);
    }
  }

  /** A host's namespace: `client`, `node-1`, or a pod's address. */
  ns(host: string): Netns {
    const found = this.hosts.get(host);
    if (!found) throw new Error(`No host ${host}`);
    return found;
  }

  /** How programs are started on a node. */
  spawn(node: NodeName): Spawn {
    return (command, args, options) => spawnIn(this.ns(node), command, args, options);
  }

  /** Address via the node: packets from the client to `cidr` go there, as if ARP had led them. */
  route(cidr: string, node: NodeName): void {
    ip(this.ns('client'), [`route replace ${cidr} via ${proxyNode(node).ip} dev lan0`]);
  }

  /** Adds a pod that serves TCP and UDP on `port` and says who it is and whom it sees. */
  async pod(address: string, node: NodeName, port: number): Promise<void> {
    const pod = this.#host(address);
    const gateway = proxyNode(node).podCIDR.replace('.0/24', '.1');
    const veth = `veth${address.split('.').slice(2).join('x')}`;
    ip(this.ns(node), [
      `link add ${veth} type veth peer name eth0 netns ${pod.procPath}`,
      `addr add ${gateway}/32 dev ${veth}`,
      `link set ${veth} up`,
      `route replace ${address}/32 dev ${veth}`,
    ]);
    ip(pod, [
      `addr add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gateway}/32 dev eth0 scope link`,
      `route add default via ${gateway} dev eth0`,
    ]);
    await this.serve(address, address, port);
  }

  /** Serves TCP and UDP on a host; each answer is `server from`. */
  async serve(host: string, label: string, port: number): Promise<void> {
    const tcp = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${label} ${(socket.remoteAddress ?? '').replace('::ffff:', '')}`);
    });
    listenIn(this.ns(host), tcp, { port });
    await once(tcp, 'listening');
    const udp = udpSocketIn(this.ns(host), { port });
    udp.on('message', (_, from) => udp.send(`${label} ${from.address}`, from.port, from.address));
    this.#closers.push(() => {
      tcp.close();
      udp.close();
    });
  }

  /** One new TCP connection. Silence is told apart by the kernel's own retransmissions: nothing within `patienceMs`. */
  connect(from: string, address: string, port: number, patienceMs = 400): Promise<Outcome> {
    return new Promise((resolve) => {
      const socket = connectIn(this.ns(from), { address, port });
      let text = '';
      const finish = (outcome: Outcome): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(outcome);
      };
      const timer = setTimeout(() => finish({ kind: 'silence' }), patienceMs);
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => finish({ kind: 'refused' }));
      socket.on('end', () => finish(answer(text)));
    });
  }

  /** One datagram from a new port. */
  ask(from: string, address: string, port: number, patienceMs = 400): Promise<Outcome> {
    return new Promise((resolve) => {
      const socket = udpSocketIn(this.ns(from));
      const finish = (outcome: Outcome): void => {
        clearTimeout(timer);
        socket.close();
        resolve(outcome);
      };
      const timer = setTimeout(() => finish({ kind: 'silence' }), patienceMs);
      socket.on('message', (message) => finish(answer(message.toString())));
      socket.on('error', () => finish({ kind: 'refused' }));
      // Connected, so that ICMP errors arrive as such.
      socket.connect(port, address, () => socket.send('hello'));
    });
  }

  /** Takes a node's LAN interface away. */
  unplug(node: NodeName): void {
    ip(this.ns('lan'), [`link del p-${node}`]);
  }

  /** Gives a node a LAN interface. Ports of the switch have the hosts' names. */
  plug(node: NodeName, name: string, address: string): void {
    ip(this.ns('lan'), [
      `link add p-${node} type veth peer name ${name} netns ${this.ns(node).procPath}`,
      `link set p-${node} master br0 up`,
    ]);
    ip(this.ns(node), [`addr add ${address}/24 dev ${name}`, `link set ${name} up`]);
  }

  /** Removes everything. */
  close(): void {
    for (const close of this.#closers) close();
    for (const ns of this.hosts.values()) ns.close();
  }

  #host(name: string): Netns {
    const ns = createNetns();
    this.hosts.set(name, ns);
    return ns;
  }

  #attach(name: string, address: string): void {
    const ns = this.#host(name);
    const port = `p-${name}`;
    ip(this.ns('lan'), [
      `link add ${port} type veth peer name lan0 netns ${ns.procPath}`,
      `link set ${port} master br0`,
      `link set ${port} up`,
    ]);
    ip(ns, [`addr add ${address}/24 dev lan0`, 'link set lan0 up']);
  }
}

function answer(text: string): Outcome {
  const [server, from] = text.split(' ');
  return { kind: 'answer', server: server ?? '', from: from ?? '' };
}

function ip(ns: Netns, lines: readonly string[]): void {
  withNetns(ns, () => execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` }));
}
