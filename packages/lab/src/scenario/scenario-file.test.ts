import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LabError } from '../state/errors.ts';
import { plannedMs, stepText } from './method.ts';
import { parseScenario, readScenario } from './scenario-file.ts';

/** `name` as a scenario uses a variable. */
const use = (name: string): string => `\${${name}}`;
const MINIMAL = { service: 'default/web' };

describe('parseScenario', () => {
  it('fills in the rest', () => {
    expect(parseScenario(MINIMAL, '/s')).toEqual({
      file: '',
      where: expect.any(Function),
      title: 'Scenario',
      question: '',
      description: '',
      tags: [],
      lab: { nodes: 3, profile: 'realistic', set: {}, ha: false },
      manifests: [],
      target: { service: { namespace: 'default', name: 'web' }, via: 'loadbalancer', from: 'client', path: '/' },
      beside: [],
      steadyState: { durationMs: 3000, maxLost: 0 },
      probes: [],
      probe: { intervalMs: 10, timeoutMs: 500 },
      dns: [],
      load: undefined,
      method: [],
      recoveryMs: 4000,
      durationMs: 7000,
      rollback: { strategy: 'always', steps: [] },
      expectations: [],
      cases: [],
      expectViolation: [],
      repeats: 1,
      seed: undefined,
      faultPhaseMs: 1000,
    });
  });
  it('plans steps from the start, from the steady state, or from the step before', () => {
    const { method, durationMs } = parseScenario(
      {
        ...MINIMAL,
        steadyState: { duration: '2s' },
        method: [
          { fault: 'kill', target: 'owner/default/web' },
          { fault: 'restart', target: 'previous', after: '1500ms' },
          { wait: '2s' },
          {
            parallel: [
              { wait: '1s' },
              { serial: [{ wait: '1s' }, { fault: 'kill', target: 'dns/2', after: '500ms' }] },
            ],
          },
          { fault: 'kill', target: 'dns/1', at: '9s' },
        ],
        recovery: '1s',
      },
      '/s',
    );
    expect(method.map((_, i) => plannedMs(method.slice(0, i + 1), 2000))).toEqual([2000, 3500, 5500, 7000, 9000]);
    expect(method.map(stepText)).toEqual([
      'fault kill owner/default/web',
      'fault restart previous',
      'wait 2000 ms',
      'parallel: wait 1000 ms; serial: wait 1000 ms; fault kill dns/2',
      'fault kill dns/1',
    ]);
    expect(durationMs).toBe(10_000);
  });
  it('puts variables in, numbers as numbers', () => {
    const value = {
      ...MINIMAL,
      title: `With ${use('nodes')} nodes and $${use('HOME')}`,
      variables: { nodes: 4, verb: 'kill' },
      lab: { nodes: use('nodes') },
      method: [{ fault: use('verb'), target: 'dns/1' }],
    };
    expect(parseScenario(value, '/s')).toMatchObject({ title: `With 4 nodes and ${use('HOME')}`, lab: { nodes: 4 } });
    expect(parseScenario(value, '/s', { variables: { nodes: '5', verb: 'stop' } })).toMatchObject({
      lab: { nodes: 5 },
      method: [{ verb: 'stop' }],
    });
    expect(() => parseScenario(value, '/s', { variables: { node: '5' } })).toThrow(
      'Variable "node" is not in the scenario: it has nodes, verb',
    );
  });
  it('makes a scenario of each case', () => {
    const value = {
      ...MINIMAL,
      variables: { verb: 'kill', target: 'node/node-1' },
      cases: [{ name: 'power-off' }, { name: 'planned', variables: { verb: 'drain' } }],
      method: [{ fault: use('verb'), target: use('target') }],
    };
    expect(parseScenario(value, '/s').cases.map((c) => [c.name, c.scenario.method.map(stepText)])).toEqual([
      ['power-off', ['fault kill node/node-1']],
      ['planned', ['fault drain node/node-1']],
    ]);
    expect(() => parseScenario({ ...value, cases: [{ name: 'x', variables: { verbs: 'stop' } }] }, '/s')).toThrow(
      'Variable "verbs" is not in the scenario',
    );
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
    [{ ...MINIMAL, probe: { interval: '0ms' } }, 'Field probe.interval is "0ms": give 1ms or more'],
    [{ ...MINIMAL, steadyState: { maxLost: -1 } }, 'Field steadyState.maxLost is -1'],
    [{ ...MINIMAL, load: {} }, 'Field load.script is missing'],
    [{ ...MINIMAL, load: { script: 'x', env: [1] } }, 'Field load.env is [1]'],
    [
      { ...MINIMAL, method: [{ target: 'dns/1' }] },
      'Field method[0] is {"target":"dns/1"}: give one of fault, heal, kubectl',
    ],
    [{ ...MINIMAL, method: [{ fault: 'kill', target: 'previous' }] }, 'Field method[0].target is "previous"'],
    [
      { ...MINIMAL, method: [{ fault: 'kill', target: 'dns/1', at: '1s' }] },
      'Field method[0].at is "1s": that is before',
    ],
    [
      { ...MINIMAL, method: [{ fault: 'kill', target: 'dns/1', at: '4s', after: '1s' }] },
      'has both at and after: give one',
    ],
    [{ ...MINIMAL, method: [{ wait: 'long' }] }, 'Field method[0].wait is "long": give a duration'],
    [
      { ...MINIMAL, method: [{ wait: '1s', target: 'x' }] },
      'Field method[0].target is "x": belongs to a step with fault',
    ],
    [
      { ...MINIMAL, method: [{ parallel: [{ wait: '1s' }, { fault: 'kill', targett: 'x' }] }] },
      'Field method[0].parallel[1].targett is not known: there are label, event, at, after, fault, target',
    ],
    [{ ...MINIMAL, method: [{ probe: 'x' }] }, 'Field method[0].probe is "x": the scenario has no probes'],
    [{ ...MINIMAL, via: 'nodeport' }, 'Field via is "nodeport": give loadbalancer, clusterip, or nodeport/NODE'],
    [{ ...MINIMAL, lab: { set: { 'membership.probe': '1s' } } }, 'Unknown knob "membership.probe"'],
    [
      { ...MINIMAL, probes: [{ name: 'a', http: 'http://x/', dns: 'x', tolerance: 1 }] },
      'give one of http, kubectl, exec and dns, not http and dns',
    ],
    [{ ...MINIMAL, probes: [{ name: 'a', dns: 'x', tolerance: { regex: '(' } }] }, 'Regular expression "(" is none'],
    [{ ...MINIMAL, title: use('no') }, `Field title uses ${use('no')}, which is not among variables: there are none`],
    [
      { ...MINIMAL, expectations: ['dark.new <= 5'] },
      'Field expectations[0] is about dark.new, which no report has: a report has dark_ms,',
    ],
    [
      { ...MINIMAL, expectations: ['dark_ms.new.p99 <= 5'] },
      'which no report has: dark_ms.new has n, min, p50, p95, max, mean',
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
    expect(s.method.map(stepText)).toEqual(['fault kill owner/shop/frontend', 'fault restart previous']);
    expect(s.expectations.map((e) => e.text)).toContain('dark_ms.new.p95 <= 800');
  });
  it('names file and line', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'svclab-scenario-')), 's.yaml');
    writeFileSync(path, 'service: a/b\nlab:\n  nodes: three\n  node: 3\nmethod:\n  - wait: 1s\n    at: soon\n');
    expect(() => readScenario(path)).toThrow(`${path}:3:3: Field lab.nodes is "three": give a whole number`);
    expect(() => readScenario(path)).toThrow(`${path}:4:3: Field lab.node is not known: there are nodes, profile`);
    expect(() => readScenario(path)).toThrow(`${path}:7:5: Field method[0].at is "soon": give a duration`);
    writeFileSync(path, 'service: a/b\nlab: {nodes: 3\n');
    expect(() => readScenario(path)).toThrow(`Scenario ${path}:3:1 cannot be read`);
  });
  it('says which file it could not read', () => {
    expect(() => readScenario('/no/such.yaml')).toThrow('Scenario /no/such.yaml cannot be read');
  });
});
