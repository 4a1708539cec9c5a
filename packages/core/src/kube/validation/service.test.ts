import { describe, expect, it } from 'vitest';
import type { Service, ServiceSpec } from '../../api/core.ts';
import { carryAllocated, defaultService } from '../defaults/service.ts';
import { fieldErrorText } from '../errors/field-error.ts';
import { validateService, validateServiceUpdate } from './service.ts';

const service = (spec: ServiceSpec): Service =>
  defaultService({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'default' }, spec });
const web = (spec: ServiceSpec): ServiceSpec => ({ ports: [{ port: 80 }], ...spec });
const odd = (spec: unknown): ServiceSpec => web(spec as ServiceSpec);

describe('validateService', () => {
  it.each([
    web({}),
    web({ clusterIP: 'None' }),
    { clusterIP: 'None' },
    { type: 'ExternalName', externalName: 'example.com.' },
    web({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['10.0.0.0/8'] }),
    web({ externalIPs: ['192.0.2.1'], externalTrafficPolicy: 'Local' }),
    web({ sessionAffinity: 'ClientIP' }),
    {
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53 },
      ],
    },
  ] as ServiceSpec[])('accepts %j', (spec) => expect(validateService(service(spec)).map(fieldErrorText)).toEqual([]));

  it.each([
    [{}, 'spec.ports: Required value'],
    [
      odd({ type: 'Cluster' }),
      'spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      odd({ sessionAffinity: 'Cookie' }),
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    [
      web({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } }),
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
    ],
    [
      web({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } }),
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
    ],
    [
      web({ ports: [{ port: 80, nodePort: 30000 }] }),
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      web({
        ports: [
          { name: 'a', port: 80 },
          { name: 'a', port: 81 },
        ],
      }),
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [
      web({
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      }),
      'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}',
    ],
    [
      web({
        type: 'NodePort',
        ports: [
          { name: 'a', port: 80, nodePort: 30000 },
          { name: 'b', port: 81, nodePort: 30000 },
        ],
      }),
      'spec.ports[1].nodePort: Duplicate value: 30000',
    ],
    [
      web({ ports: [{ port: 80, targetPort: '--' }] }),
      'spec.ports[0].targetPort: Invalid value: "--": must contain at least one letter (a-z)',
    ],
    [
      web({ type: 'NodePort', clusterIP: 'None' }),
      `spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`,
    ],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [
      { type: 'ExternalName', externalName: 'a.example', clusterIP: '10.96.0.9' },
      'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
    ],
    [
      web({ externalTrafficPolicy: 'Local' }),
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      web({ type: 'LoadBalancer', healthCheckNodePort: 30500 }),
      "spec.healthCheckNodePort: Invalid value: 30500: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [
      web({ externalIPs: ['127.0.0.1'] }),
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      web({ externalIPs: ['0.0.0.0'] }),
      'spec.externalIPs[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
    ],
    [
      web({ externalIPs: ['169.254.1.1'] }),
      'spec.externalIPs[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
    [
      web({ externalIPs: ['x'] }),
      'spec.externalIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      web({ type: 'LoadBalancer', loadBalancerSourceRanges: ['1.2.3.4/33'] }),
      'spec.loadBalancerSourceRanges[0]: Invalid value: "1.2.3.4/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      web({ loadBalancerSourceRanges: ['1.2.3.0/24'] }),
      "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [web({ ipFamilies: ['IPv6'] }), 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
  ] as [ServiceSpec, string][])('refuses %j', (spec, text) =>
    expect(validateService(service(spec)).map(fieldErrorText)).toContain(text),
  );
});

describe('updates of a Service', () => {
  const old = service(web({ type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30001 }] }));
  it('may not change the ClusterIP', () => {
    const next = service(web({ type: 'NodePort', clusterIP: '10.96.0.8' }));
    expect(validateServiceUpdate(next, old).map(fieldErrorText)).toEqual([
      'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.8"}: may not change once set',
    ]);
  });
  it('keep what was allocated, by protocol and port', () => {
    const { spec } = carryAllocated(
      service({
        type: 'NodePort',
        ports: [
          { name: 'b', port: 81 },
          { name: 'a', port: 80 },
        ],
      }),
      old,
    );
    expect(spec.clusterIP).toBe('10.96.0.9');
    expect(spec.ports?.map((p) => p.nodePort)).toEqual([undefined, 30001]);
  });
  it('drop the ClusterIP with the type ExternalName', () => {
    const { spec } = carryAllocated(service({ ...old.spec, type: 'ExternalName', externalName: 'a.example' }), old);
    expect(spec.clusterIP).toBeUndefined();
  });
});
