/** UDP flows that conntrack would go on sending to an endpoint that is gone. */
import type { ProxyService } from './service-port.ts';

/** Flows to one address and port that were translated to one endpoint. */
export interface StaleFlow {
  readonly ip: string;
  readonly port: number;
  readonly endpoint: string;
}

/**
 * The flows a change makes stale: those to endpoints that served before and do not now. While a service has no serving endpoint its flows
 * are left alone, and so are TCP flows always (clearing them breaks graceful shutdown).
 * Source: kubernetes `pkg/proxy/conntrack/cleanup.go`.
 */
export function staleUdpFlows(before: ProxyService | undefined, after: ProxyService | undefined): StaleFlow[] {
  return (before?.ports ?? []).flatMap((port) => {
    if (port.protocol !== 'UDP') return [];
    const now = after?.ports.find((p) => p.name === port.name);
    if (!now || now.serving.length === 0) return [];
    const gone = port.serving.filter((ip) => !now.serving.includes(ip));
    return gone.flatMap((endpoint) => now.frontends.map((f) => ({ ip: f.ip, port: f.port, endpoint })));
  });
}
