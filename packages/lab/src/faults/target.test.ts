import { describe, expect, it } from 'vitest';
import { planLab } from '../plan/plan.ts';
import { formatTarget, parseTarget } from './target.ts';

const lab = planLab({ name: 'lab', driver: 'netns', profile: 'fast', nodes: 2, set: {} });

describe('parseTarget', () => {
  it.each([
    ['node/node-1', { kind: 'host', host: 'node-1' }],
    ['announcer/node-2', { kind: 'process', host: 'node-2', component: 'l2-announcer' }],
    ['agent/node-2', { kind: 'process', host: 'node-2', component: 'node-agent' }],
    ['pods/node-1', { kind: 'process', host: 'node-1', component: 'pod-host' }],
    ['dns/2', { kind: 'process', host: 'dns-2', component: 'dns' }],
    ['controller', { kind: 'process', host: 'controller-1', component: 'controller' }],
    ['nats/1', { kind: 'process', host: 'nats-1', component: 'nats-server' }],
    ['pod/default/web-1', { kind: 'pod', namespace: 'default', pod: 'web-1' }],
    ['svc/default/web', { kind: 'service-pods', namespace: 'default', service: 'web', seed: undefined }],
    ['random:7/svc/default/web', { kind: 'service-pods', namespace: 'default', service: 'web', seed: '7' }],
    ['all/dns', { kind: 'share', share: 'all', of: 'dns', seed: undefined }],
    ['client', { kind: 'host', host: 'client-1' }],
    ['link/node-1-client-1', { kind: 'link', a: 'node-1', b: 'client-1' }],
    ['link/node-1,node-2', { kind: 'link', a: 'node-1', b: 'node-2' }],
    ['link/dns-2-client', { kind: 'link', a: 'dns-2', b: 'client-1' }],
    ['leader', { kind: 'leader' }],
    ['minority/nodes', { kind: 'share', share: 'minority', of: 'nodes', seed: undefined }],
    ['majority:7/dns', { kind: 'share', share: 'majority', of: 'dns', seed: '7' }],
    ['random:7/announcers', { kind: 'random', seed: '7', of: 'announcers' }],
    ['node?a=b,c', { kind: 'labelled', of: 'node', selector: 'a=b,c' }],
    ['pod/default?app=web', { kind: 'labelled-pods', namespace: 'default', selector: 'app=web' }],
    ['random:7/pod/default?app=web', { kind: 'random-pod', seed: '7', namespace: 'default', selector: 'app=web' }],
    ['owner/default/web', { kind: 'owner', namespace: 'default', service: 'web' }],
    ['others/default/web', { kind: 'by-owner', of: 'node', which: 'others', namespace: 'default', service: 'web' }],
    [
      'announcer/owner/default/web',
      { kind: 'by-owner', of: 'announcer', which: 'owner', namespace: 'default', service: 'web' },
    ],
  ])('%s', (text, expected) => {
    expect(parseTarget(text, lab)).toEqual(expected);
    expect(parseTarget(formatTarget(parseTarget(text, lab)), lab)).toEqual(expected);
  });

  it.each([
    ['node/node-9', /give one of node\/node-1, node\/node-2/],
    ['dns/3', /give one of dns\/1, dns\/2/],
    ['dns', /give one of dns\/1, dns\/2/],
    ['node/', /is incomplete/],
    ['owner/web', /is not understood: the forms are/],
    ['link/node-1', /is no link: give two different hosts/],
    ['link/node-1-node-1', /is no link/],
    ['link/node-1-node-9', /is no link: .*of nats-1, controller-1/],
    ['lan', /is not understood/],
    ['minority/', /after the \/ give one of nodes/],
    ['web', /is not understood/],
    ['', /is not understood/],
  ])('refuses "%s"', (text, says) => {
    expect(() => parseTarget(text, lab)).toThrow(says);
  });
});
