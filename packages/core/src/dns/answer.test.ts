import { describe, expect, it } from 'vitest';
import type { Service } from '../api/core.ts';
import type { EndpointSlice } from '../api/discovery.ts';
import type { KubeObject } from '../api/meta.ts';
import { type ObjectKey, RESOURCES, type ResourceRef } from '../store/key.ts';
import { answerQuestion } from './answer.ts';
import { RecordIndex } from './index-of-records.ts';
import type { DnsRecord } from './record.ts';

const options = { zone: 'cluster.local', ttl: 5, serial: 1_700_000_000, nameServer: '10.96.0.10' };

function change(index: RecordIndex, ref: ResourceRef, object: KubeObject, type: 'ADDED' | 'DELETED' = 'ADDED'): void {
  const key: ObjectKey = { ...ref, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
  index.apply({ type, key, object, revision: 1 });
}
const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const service = (name: string, spec: Service['spec']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'ns', name },
  spec,
});
const slice = (
  svc: string,
  endpoints: EndpointSlice['endpoints'],
  ports: EndpointSlice['ports'] = [],
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'ns', name: `${svc}-abcde`, labels: { 'kubernetes.io/service-name': svc } },
  addressType: 'IPv4',
  endpoints,
  ports,
});

function sample(): RecordIndex {
  const index = new RecordIndex();
  change(index, RESOURCES.namespaces, namespace('ns'));
  change(
    index,
    RESOURCES.services,
    service('web', {
      clusterIP: '10.96.1.1',
      clusterIPs: ['10.96.1.1', 'fd00::1'],
      ports: [
        { name: 'http', port: 80 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    }),
  );
  change(index, RESOURCES.services, service('plain', { clusterIP: '10.96.1.2', ports: [{ port: 80 }] }));
  change(index, RESOURCES.services, service('heads', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }));
  change(index, RESOURCES.services, service('quiet', { clusterIP: 'None', ports: [{ port: 80 }] }));
  change(index, RESOURCES.services, service('out', { type: 'ExternalName', externalName: 'example.org' }));
  change(
    index,
    RESOURCES.services,
    service('alias', { type: 'ExternalName', externalName: 'web.ns.svc.cluster.local' }),
  );
  change(
    index,
    RESOURCES.services,
    service('loop', { type: 'ExternalName', externalName: 'loop.ns.svc.cluster.local' }),
  );
  change(index, RESOURCES.services, service('literal', { type: 'ExternalName', externalName: '192.0.2.1' }));
  change(
    index,
    RESOURCES.endpointslices,
    slice('web', [{ addresses: ['10.244.1.2'] }], [{ name: 'http', port: 8080 }]),
  );
  change(
    index,
    RESOURCES.endpointslices,
    slice(
      'heads',
      [
        { addresses: ['10.244.1.2'], hostname: 'db-0' },
        { addresses: ['10.244.2.3'] },
        { addresses: ['10.244.3.4'], conditions: { ready: false } },
      ],
      [{ name: 'http', port: 8080 }],
    ),
  );
  change(
    index,
    RESOURCES.endpointslices,
    slice('quiet', [{ addresses: ['10.244.3.4'], conditions: { ready: false } }]),
  );
  return index;
}

/** As a zone file would write it. */
function line(r: DnsRecord): string {
  const data =
    r.type === 'SRV'
      ? `${r.data.priority} ${r.data.weight} ${r.data.port} ${r.data.target}`
      : r.type === 'SOA'
        ? `${r.data.mname} ${r.data.minimum}`
        : r.type === 'TXT'
          ? r.data.join(' ')
          : r.data;
  return `${r.name} ${r.ttl} IN ${r.type} ${data}`;
}

describe('answerQuestion', () => {
  const soa = 'cluster.local 5 IN SOA ns.dns.cluster.local 5';
  const cases: { q: string; rcode?: string; answer?: string[]; authority?: string[]; additional?: string[] }[] = [
    { q: 'dns-version.cluster.local TXT', answer: ['dns-version.cluster.local 5 IN TXT 1.1.0'] },
    { q: 'web.ns.svc.cluster.local A', answer: ['web.ns.svc.cluster.local 5 IN A 10.96.1.1'] },
    { q: 'web.ns.svc.cluster.local AAAA', answer: ['web.ns.svc.cluster.local 5 IN AAAA fd00::1'] },
    { q: 'plain.ns.svc.cluster.local AAAA', authority: [soa] },
    { q: 'WeB.ns.svc.Cluster.local A', answer: ['WeB.ns.svc.Cluster.local 5 IN A 10.96.1.1'] },
    {
      q: '_http._tcp.web.ns.svc.cluster.local SRV',
      answer: ['_http._tcp.web.ns.svc.cluster.local 5 IN SRV 0 50 80 web.ns.svc.cluster.local'],
      additional: ['web.ns.svc.cluster.local 5 IN A 10.96.1.1', 'web.ns.svc.cluster.local 5 IN AAAA fd00::1'],
    },
    { q: '_http._udp.web.ns.svc.cluster.local SRV', rcode: 'NXDOMAIN', authority: [soa] },
    { q: '_http._tcp.web.ns.svc.cluster.local A', authority: [soa] },
    {
      q: 'plain.ns.svc.cluster.local SRV',
      answer: ['plain.ns.svc.cluster.local 5 IN SRV 0 100 80 plain.ns.svc.cluster.local'],
      additional: ['plain.ns.svc.cluster.local 5 IN A 10.96.1.2'],
    },
    {
      q: 'heads.ns.svc.cluster.local A',
      answer: ['heads.ns.svc.cluster.local 5 IN A 10.244.1.2', 'heads.ns.svc.cluster.local 5 IN A 10.244.2.3'],
    },
    {
      q: '_http._tcp.heads.ns.svc.cluster.local SRV',
      answer: [
        '_http._tcp.heads.ns.svc.cluster.local 5 IN SRV 0 50 8080 db-0.heads.ns.svc.cluster.local',
        '_http._tcp.heads.ns.svc.cluster.local 5 IN SRV 0 50 8080 10-244-2-3.heads.ns.svc.cluster.local',
      ],
      additional: [
        'db-0.heads.ns.svc.cluster.local 5 IN A 10.244.1.2',
        '10-244-2-3.heads.ns.svc.cluster.local 5 IN A 10.244.2.3',
      ],
    },
    { q: 'db-0.heads.ns.svc.cluster.local A', answer: ['db-0.heads.ns.svc.cluster.local 5 IN A 10.244.1.2'] },
    {
      q: '10-244-2-3.heads.ns.svc.cluster.local A',
      answer: ['10-244-2-3.heads.ns.svc.cluster.local 5 IN A 10.244.2.3'],
    },
    { q: '10-244-1-2.web.ns.svc.cluster.local A', answer: ['10-244-1-2.web.ns.svc.cluster.local 5 IN A 10.244.1.2'] },
    { q: 'quiet.ns.svc.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'out.ns.svc.cluster.local A', answer: ['out.ns.svc.cluster.local 5 IN CNAME example.org'] },
    { q: 'out.ns.svc.cluster.local SRV', authority: [soa] },
    { q: 'x.out.ns.svc.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    {
      q: 'alias.ns.svc.cluster.local A',
      answer: [
        'alias.ns.svc.cluster.local 5 IN CNAME web.ns.svc.cluster.local',
        'web.ns.svc.cluster.local 5 IN A 10.96.1.1',
      ],
    },
    { q: 'literal.ns.svc.cluster.local A', authority: [soa] },
    { q: '1.1.96.10.in-addr.arpa PTR', answer: ['1.1.96.10.in-addr.arpa 5 IN PTR web.ns.svc.cluster.local'] },
    {
      q: '2.1.244.10.in-addr.arpa PTR',
      answer: [
        '2.1.244.10.in-addr.arpa 5 IN PTR db-0.heads.ns.svc.cluster.local',
        '2.1.244.10.in-addr.arpa 5 IN PTR 10-244-1-2.web.ns.svc.cluster.local',
      ],
    },
    {
      q: `1${'.0'.repeat(27)}.0.0.d.f.ip6.arpa PTR`,
      answer: [`1${'.0'.repeat(27)}.0.0.d.f.ip6.arpa 5 IN PTR web.ns.svc.cluster.local`],
    },
    { q: '9.9.9.9.in-addr.arpa PTR', rcode: 'NXDOMAIN', authority: ['in-addr.arpa 5 IN SOA ns.dns.cluster.local 5'] },
    { q: 'nope.ns.svc.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'web.nope.svc.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'a.b.c.web.ns.svc.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'svc.cluster.local A', authority: [soa] },
    { q: 'ns.svc.cluster.local A', authority: [soa] },
    { q: 'foo.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'cluster.local SOA', answer: [soa] },
    { q: 'cluster.local A', authority: [soa] },
    {
      q: 'cluster.local NS',
      answer: ['cluster.local 5 IN NS ns.dns.cluster.local'],
      additional: ['ns.dns.cluster.local 5 IN A 10.96.0.10'],
    },
    { q: '10-1-2-3.ns.pod.cluster.local A', answer: ['10-1-2-3.ns.pod.cluster.local 5 IN A 10.1.2.3'] },
    { q: 'x.ns.pod.cluster.local A', rcode: 'NXDOMAIN', authority: [soa] },
    { q: 'web.ns.svc.cluster.local HTTPS', authority: [soa] },
    { q: 'example.org A', rcode: 'REFUSED' },
    { q: 'notcluster.local A', rcode: 'REFUSED' },
    { q: 'cluster.local AXFR', rcode: 'REFUSED' },
  ];
  it.each(cases)('$q', ({ q, rcode = 'NOERROR', answer = [], authority = [], additional = [] }) => {
    const [name = '', type = ''] = q.split(' ');
    const got = answerQuestion(sample(), { name, type }, options);
    expect(got.rcode).toBe(rcode);
    expect(got.answers.map(line).sort()).toEqual([...answer].sort());
    expect(got.authorities.map(line)).toEqual(authority);
    expect(got.additionals.map(line).sort()).toEqual([...additional].sort());
  });

  it('cuts a chain of ExternalName Services that points back at itself', () => {
    const index = sample();
    const pointer = (name: string, to: string): Service =>
      service(name, { type: 'ExternalName', externalName: `${to}.ns.svc.cluster.local` });
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const)
      change(index, RESOURCES.services, pointer(from, to));
    const names = (name: string): string[] =>
      answerQuestion(index, { name: `${name}.ns.svc.cluster.local`, type: 'A' }, options).answers.map(line);
    expect(names('loop')).toEqual(['loop.ns.svc.cluster.local 5 IN CNAME loop.ns.svc.cluster.local']);
    expect(names('a')).toEqual([
      'a.ns.svc.cluster.local 5 IN CNAME b.ns.svc.cluster.local',
      'b.ns.svc.cluster.local 5 IN CNAME a.ns.svc.cluster.local',
    ]);
  });

  it('gives up on a chain of more than eight aliases', () => {
    const index = sample();
    for (let i = 0; i < 12; i++)
      change(
        index,
        RESOURCES.services,
        service(`c${i}`, { type: 'ExternalName', externalName: `c${i + 1}.ns.svc.cluster.local` }),
      );
    const got = answerQuestion(index, { name: 'c0.ns.svc.cluster.local', type: 'A' }, options);
    expect(got.rcode).toBe('NOERROR');
    expect(got.answers).toHaveLength(9);
  });
});

describe('RecordIndex', () => {
  it('forgets what is deleted, and follows a slice to another Service', () => {
    const index = sample();
    change(index, RESOURCES.services, service('web', {}), 'DELETED');
    expect(index.serviceOfClusterIP('10.96.1.1')).toBeUndefined();
    const moved = {
      ...slice('plain', [{ addresses: ['10.244.1.2'] }]),
      metadata: { namespace: 'ns', name: 'web-abcde', labels: { 'kubernetes.io/service-name': 'plain' } },
    };
    change(index, RESOURCES.endpointslices, moved);
    expect(index.endpoints('ns', 'web')).toEqual([]);
    expect(index.endpoints('ns', 'plain').map((e) => e.address)).toEqual(['10.244.1.2']);
    change(index, RESOURCES.endpointslices, moved, 'DELETED');
    expect(index.servicesOfEndpoint('10.244.1.2')).toEqual(['ns/heads']);
  });
});
