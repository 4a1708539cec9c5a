import { type HostSpec, type LabConfig, PORTS } from '@svclab/core';
import { natsConfig } from '@svclab/runtime';
import type { LabSecrets } from '../state/secrets.ts';

/** User the servers know each other by. */
const ROUTE_USER = 'route';

/**
 * The text of a NATS server's nats.conf in a lab: alone, or with its peers. Holds passwords.
 * @param places where the server keeps its files, and `ip:port` of its HTTP monitoring, if it is to have that
 */
export function natsConfigOf(
  host: HostSpec,
  lab: Pick<LabConfig, 'hosts'>,
  secrets: Pick<LabSecrets, 'busUsers' | 'routePassword'>,
  places: { readonly storeDir: string; readonly monitor?: string },
): string {
  const peers = lab.hosts.filter((h) => h.role === 'nats').map((h) => `${h.controlIP}:${PORTS.natsCluster}`);
  return natsConfig({
    listen: `${host.controlIP}:${PORTS.nats}`,
    serverName: host.name,
    users: secrets.busUsers,
    ...places,
    ...(peers.length < 2
      ? {}
      : {
          cluster: {
            name: 'svclab',
            listen: `${host.controlIP}:${PORTS.natsCluster}`,
            routes: peers,
            user: ROUTE_USER,
            password: secrets.routePassword,
          },
        }),
  });
}
