import { describe, expect, it } from 'vitest';
import type { Pod, Service } from '../../api/core.ts';
import { nodeCells } from './cluster.ts';
import { humanDuration } from './duration.ts';
import { endpointsCells, serviceCells } from './network.ts';
import { podCells } from './pod.ts';
import { formatSelector } from './selector-text.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const metadata = { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' };

describe('humanDuration', () => {
  it.each([
    [-5, '<invalid>'],
    [-0.5, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [121, '2m1s'],
    [599, '9m59s'],
    [600, '10m'],
    [3 * 3600 - 1, '179m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [8 * 3600 + 60, '8h'],
    [48 * 3600, '2d'],
    [49 * 3600, '2d1h'],
    [8 * 86400, '8d'],
    [730 * 86400, '2y'],
    [741 * 86400, '2y11d'],
    [3000 * 86400, '8y'],
  ])('%d s is %s', (seconds, text) => expect(humanDuration(seconds)).toBe(text));
});

describe('pod cells', () => {
  const pod = (status: Pod['status'], extra: Partial<Pod['metadata']> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, ...extra },
    spec: { containers: [{ name: 'c' }] },
    ...(status ? { status } : {}),
  });
  const container = (state: object, more: object = {}) => ({
    name: 'c',
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    state,
    ...more,
  });
  it.each([
    [pod({ phase: 'Pending' }), ['a', '0/1', 'Pending', '0', '10m']],
    [
      pod({ phase: 'Running', podIP: '10.244.1.2', containerStatuses: [container({ running: {} }, { ready: true })] }),
      ['a', '1/1', 'Running', '0', '10m', '10.244.1.2'],
    ],
    [
      pod({
        phase: 'Running',
        containerStatuses: [
          container(
            { waiting: { reason: 'CrashLoopBackOff' } },
            { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:09:30Z' } } },
          ),
        ],
      }),
      ['a', '0/1', 'CrashLoopBackOff', '3 (30s ago)', '10m'],
    ],
    [pod({ phase: 'Running' }, { deletionTimestamp: '2026-01-01T00:10:30Z' }), ['a', '0/1', 'Terminating', '0', '10m']],
    [
      pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 137 } })] }),
      ['a', '0/1', 'ExitCode:137', '0', '10m'],
    ],
  ])('%#', (object, cells) => expect(podCells(object, NOW).slice(0, cells.length)).toEqual(cells));
});

describe('service and endpoint cells', () => {
  const service = (spec: Service['spec'], ip?: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec,
    ...(ip ? { status: { loadBalancer: { ingress: [{ ip }] } } } : {}),
  });
  it.each([
    [
      service({
        type: 'LoadBalancer',
        clusterIPs: ['10.96.0.9'],
        ports: [{ port: 80, nodePort: 30001, protocol: 'TCP' }],
      }),
      ['LoadBalancer', '10.96.0.9', '<pending>', '80:30001/TCP'],
    ],
    [
      service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.9'] }, '172.30.0.200'),
      ['LoadBalancer', '10.96.0.9', '172.30.0.200', '<none>'],
    ],
    [service({ type: 'ExternalName', externalName: 'a.example' }), ['ExternalName', '<none>', 'a.example', '<none>']],
    [service({ type: 'ClusterIP', clusterIPs: ['None'] }), ['ClusterIP', 'None', '<none>', '<none>']],
  ])('%#', (object, cells) => expect(serviceCells(object, NOW).slice(1, 5)).toEqual(cells));

  it('shows the first three endpoints', () => {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => ({ ip }));
    const endpoints = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata,
      subsets: [{ addresses, ports: [{ port: 80 }] }],
    };
    expect(endpointsCells(endpoints, NOW)[1]).toBe('10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...');
  });
});

describe('other cells', () => {
  it('shows a node that may not be used', () => {
    const conditions = [{ type: 'Ready', status: 'False' as const }];
    const node = { apiVersion: 'v1', kind: 'Node', metadata, spec: { unschedulable: true }, status: { conditions } };
    expect(nodeCells(node, NOW).slice(0, 3)).toEqual(['a', 'NotReady,SchedulingDisabled', '<none>']);
  });
  it('formats selectors', () => {
    const matchExpressions = [
      { key: 'b', operator: 'In' as const, values: ['y', 'x'] },
      { key: 'c', operator: 'DoesNotExist' as const },
    ];
    expect(formatSelector({ matchLabels: { a: '1' }, matchExpressions })).toBe('a=1,b in (x,y),!c');
  });
});
