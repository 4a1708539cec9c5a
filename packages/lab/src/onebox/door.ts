/** How a Service of the lab is reached from outside the cluster, and where a connection has to begin for that. */
import type { HostSpec, Service } from '@svclab/core';
import { badInput } from '../state/errors.ts';

/** Where to connect, and from which host. */
export interface Door {
  readonly from: string;
  readonly address: string;
  readonly port: number;
}

/** The hosts a connection may begin on. */
export interface DoorHosts {
  /** The client host, outside the cluster on the node LAN. */
  readonly client: string;
  /** Nodes that are up. */
  readonly nodes: readonly Pick<HostSpec, 'name' | 'lanIP'>[];
}

/**
 * A LoadBalancer's address and a node port are asked by the client host; a cluster IP has no meaning outside, so a node asks, as
 * `kubectl port-forward` would.
 * @param port number or name of the Service's port; the first when undefined
 * Fails with a LabError when the Service has no such port or no address.
 */
export function doorOf(service: Service, port: string | undefined, hosts: DoorHosts): Door {
  const id = `${service.metadata.namespace}/${service.metadata.name}`;
  const ports = service.spec.ports ?? [];
  const found = port === undefined ? ports[0] : ports.find((p) => String(p.port) === port || p.name === port);
  if (!found)
    throw badInput(
      `Service ${id} has no port ${port ?? ''}: ${ports.length === 0 ? 'it has none' : `it has ${ports.map((p) => p.port).join(', ')}`}`,
    );
  const ingress = service.status?.loadBalancer?.ingress?.find((i) => i.ip !== undefined)?.ip;
  if (ingress !== undefined) return { from: hosts.client, address: ingress, port: found.port };
  const node = hosts.nodes.find((n) => n.lanIP !== undefined);
  if (!node?.lanIP) throw badInput(`Service ${id} cannot be reached: no node is up`);
  if (found.nodePort) return { from: hosts.client, address: node.lanIP, port: found.nodePort };
  const clusterIP = service.spec.clusterIP ?? '';
  if (clusterIP === '' || clusterIP === 'None')
    throw badInput(
      `Service ${id} has no address of its own (it is ${clusterIP === 'None' ? 'headless' : service.spec.type})`,
    );
  return { from: node.name, address: clusterIP, port: found.port };
}

/** A Service and its port as a URL or CONNECT request names them. */
export interface ServiceAuthority {
  readonly namespace: string;
  readonly name: string;
  readonly port: string | undefined;
}

/**
 * Reads `web`, `web.shop`, `web.shop.svc`, `web.shop.svc.cluster.local`, each with or without `:port`.
 * Undefined when it is no such name.
 */
export function parseAuthority(text: string, domain: string): ServiceAuthority | undefined {
  const match = /^([^:]+?)(?::([a-z0-9-]+))?$/.exec(text);
  const host = match?.[1]?.replace(new RegExp(`(\\.svc(\\.${domain.replaceAll('.', '\\.')})?)?\\.?$`), '');
  const [name = '', namespace = 'default', ...rest] = host?.split('.') ?? [];
  const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
  return rest.length === 0 && label.test(name) && label.test(namespace)
    ? { namespace, name, port: match?.[2] }
    : undefined;
}
