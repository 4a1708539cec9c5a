import { describe, expect, it } from 'vitest';
import type { Protocol } from '../api/core.ts';
import type { ProxyService } from './service-port.ts';
import { staleUdpFlows } from './udp-flows.ts';

const service = (serving: readonly string[], protocol: Protocol = 'UDP'): ProxyService => ({
  clusterIPs: ['10.96.0.10'],
  ports: [
    {
      name: 'kube-system/kube-dns:dns/53/UDP',
      protocol,
      frontends: [{ ip: '10.96.0.10', port: 53, trafficClass: 'cluster-ip' }],
      endpoints: { cluster: [], local: [] },
      serving,
      affinitySeconds: undefined,
    },
  ],
});

describe('staleUdpFlows()', () => {
  it.each<[string, ProxyService | undefined, ProxyService | undefined, string[]]>([
    ['names the endpoint that is gone', service(['a', 'b']), service(['b']), ['a']],
    ['says nothing of a new endpoint', service(['a']), service(['a', 'b']), []],
    ['leaves a service alone that has none left', service(['a']), service([]), []],
    ['leaves a deleted service alone', service(['a']), undefined, []],
    ['leaves a new service alone', undefined, service(['a']), []],
    ['leaves TCP alone', service(['a', 'b'], 'TCP'), service(['b'], 'TCP'), []],
  ])('%s', (_, before, after, endpoints) => {
    expect(staleUdpFlows(before, after)).toEqual(
      endpoints.map((endpoint) => ({ ip: '10.96.0.10', port: 53, endpoint })),
    );
  });
});
