import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LabError } from '../state/errors.ts';
import { parseScenario, readScenario } from './scenario-file.ts';

const MINIMAL = { service: 'default/web' };

describe('parseScenario', () => {
  it('fills in the rest', () => {
    expect(parseScenario(MINIMAL, '/s')).toEqual({
      title: 'Scenario',
      lab: { nodes: 3, profile: 'realistic', set: {} },
      manifests: [],
      service: { namespace: 'default', name: 'web' },
      steadyState: { durationMs: 3000, maxLost: 0 },
      probe: { intervalMs: 10, timeoutMs: 500, path: '/' },
      load: undefined,
      method: [],
      durationMs: 7000,
      expectations: [],
    });
  });
  it('counts steps from the start, from the steady state, or from the step before', () => {
    const { method, durationMs } = parseScenario(
      {
        ...MINIMAL,
        steadyState: { duration: '2s' },
        method: [
          { fault: 'kill', target: 'owner/default/web' },
          { fault: 'restart', target: 'previous', after: '1500ms' },
          { fault: 'kill', target: 'dns/1', at: '9s' },
        ],
        recovery: '1s',
      },
      '/s',
    );
    expect(method.map((m) => m.atMs)).toEqual([2000, 3500, 9000]);
    expect(durationMs).toBe(10_000);
  });
  it('takes paths from the folder of the file', () => {
    const s = parseScenario(
      { ...MINIMAL, manifests: ['../a.yaml'], load: { script: 'l.js', env: { RATE: 5 } } },
      '/s/t',
    );
    expect(s.manifests).toEqual(['/s/a.yaml']);
    expect(s.load).toEqual({ script: '/s/t/l.js', env: { RATE: '5' } });
  });

  it.each([
    [{}, 'Field service is missing'],
    [[], 'Field (top) is []'],
    [{ ...MINIMAL, lab: { nodes: 'three' } }, 'Field lab.nodes is "three": give a whole number'],
    [{ ...MINIMAL, lab: { profile: 'slow' } }, 'Field lab.profile is "slow": give realistic or fast'],
    [{ ...MINIMAL, lab: { node: 3 } }, 'Field lab.node is not known: there are nodes, profile, set'],
    [{ ...MINIMAL, labs: {} }, 'Field labs is not known'],
    [{ service: 'web' }, 'Field service is "web": give NAMESPACE/NAME'],
    [{ ...MINIMAL, manifests: 'a.yaml' }, 'Field manifests is "a.yaml": give a list'],
    [{ ...MINIMAL, manifests: [3] }, 'Field manifests[0] is 3'],
    [{ ...MINIMAL, probe: { interval: 'fast' } }, 'Field probe.interval is "fast": give a duration'],
    [{ ...MINIMAL, probe: { path: 'x' } }, 'Field probe.path is "x": begin it with /'],
    [{ ...MINIMAL, probe: { interval: '0ms' } }, 'Field probe.interval is 0 ms'],
    [{ ...MINIMAL, steadyState: { maxLost: -1 } }, 'Field steadyState.maxLost is -1'],
    [{ ...MINIMAL, load: {} }, 'Field load.script is missing'],
    [{ ...MINIMAL, load: { script: 'x', env: [1] } }, 'Field load.env is [1]'],
    [{ ...MINIMAL, method: [{ target: 'dns/1' }] }, 'Field method[0].fault is missing'],
    [{ ...MINIMAL, method: [{ fault: 'kill', target: 'previous' }] }, 'Field method[0].target is "previous"'],
    [
      { ...MINIMAL, method: [{ fault: 'kill', target: 'dns/1', at: '1s' }] },
      'Field method[0].at is "1s": that is before',
    ],
    [
      { ...MINIMAL, method: [{ fault: 'kill', target: 'dns/1', at: '4s', after: '1s' }] },
      'Field method[0] has both at and after',
    ],
    [{ ...MINIMAL, expectations: ['dark_ms.new'] }, 'Field expectations[0] is "dark_ms.new"'],
    [{ ...MINIMAL, expectations: [{ a: 1 }] }, 'Field expectations[0] is {"a":1}'],
  ])('refuses %j', (value, message) => {
    expect(() => parseScenario(value, '/s')).toThrow(LabError);
    expect(() => parseScenario(value, '/s')).toThrow(message);
  });
});

describe('readScenario', () => {
  it('reads the scenario that ships', () => {
    const path = fileURLToPath(new URL('../../../../loadtest/scenarios/vip-failover.yaml', import.meta.url));
    const s = readScenario(path);
    expect(s.method.map((m) => `${m.verb} ${m.target}`)).toEqual(['kill owner/shop/frontend', 'restart previous']);
    expect(s.expectations.map((e) => e.text)).toContain('dark_ms.new <= 500');
  });
  it('says which file it could not read', () => {
    expect(() => readScenario('/no/such.yaml')).toThrow('Scenario /no/such.yaml cannot be read');
  });
});
