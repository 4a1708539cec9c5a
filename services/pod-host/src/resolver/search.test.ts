import { describe, expect, it } from 'vitest';
import { candidateNames, resolvConf } from './search.ts';

const searches = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local.'];

describe('candidateNames()', () => {
  it.for([
    ['api', ['api.shop.svc.cluster.local', 'api.svc.cluster.local', 'api.cluster.local', 'api']],
    [
      'api.shop.svc.cluster.local',
      [
        'api.shop.svc.cluster.local.shop.svc.cluster.local',
        'api.shop.svc.cluster.local.svc.cluster.local',
        'api.shop.svc.cluster.local.cluster.local',
        'api.shop.svc.cluster.local',
      ],
    ],
    ['api.shop.svc.cluster.local.', ['api.shop.svc.cluster.local']],
  ] as const)('searches before it tries %s itself', ([name, want]) => {
    expect(candidateNames(name, { searches, ndots: 5 })).toEqual(want);
  });

  it('tries a name with enough dots itself first', () => {
    expect(candidateNames('a.b.c.d.e.f', { searches: ['x'], ndots: 5 })).toEqual(['a.b.c.d.e.f', 'a.b.c.d.e.f.x']);
    expect(candidateNames('web', { searches: [], ndots: 5 })).toEqual(['web']);
  });
});

describe('resolvConf()', () => {
  it('writes what the kubelet writes', () => {
    expect(resolvConf({ nameservers: ['10.96.0.10'], searches: ['a.svc.b', 'svc.b'], ndots: 5 })).toBe(
      'search a.svc.b svc.b\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
  });
});
