/** Bad input is refused in Kubernetes' own words and changes nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab.ts';

const service = (name: string, spec: unknown) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const pool = (name: string, addresses: string[]) => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name, namespace: 'metallb-system' },
  spec: { addresses },
});

describe('what the API refuses', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.up(['--nodes', '1']);
    await lab.pool();
  });
  afterAll(() => lab?.down());

  const cases: { what: string; object: unknown; says: RegExp }[] = [
    {
      what: 'a Service without ports',
      object: service('none', { selector: { a: 'b' } }),
      says: /Service "none" is invalid: spec\.ports: Required value/,
    },
    {
      what: 'a name too long',
      object: service('a'.repeat(64), { ports: [{ port: 80 }] }),
      says: /metadata\.name: Invalid value: "a+": must be no more than 63 bytes/,
    },
    {
      what: 'a port out of range',
      object: service('far', { ports: [{ port: 70000 }] }),
      says: /spec\.ports\[0\]\.port: Invalid value: 70000: must be between 1 and 65535, inclusive/,
    },
    {
      what: 'an unknown field',
      object: service('odd', { ports: [{ port: 80 }], replicaz: 2 }),
      says: /unknown field "spec\.replicaz"/,
    },
    {
      what: 'an unknown type',
      object: service('odd', { type: 'Cluster', ports: [{ port: 80 }] }),
      says: /spec\.type: Unsupported value: "Cluster"/,
    },
    {
      what: 'a node port out of range',
      object: service('np', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
      says: /spec\.ports\[0\]\.nodePort: Invalid value: 80: provided port is not in the valid range/,
    },
    {
      what: 'a pool that overlaps another',
      object: pool('second', ['172.30.0.240-172.30.0.254']),
      says: /second.*overlaps.*default|default.*overlaps.*second/s,
    },
    { what: 'a reversed range', object: pool('back', ['172.30.0.9-172.30.0.1']), says: /172\.30\.0\.9-172\.30\.0\.1/ },
  ];
  it.each(cases)('$what', async ({ object, says }) => {
    const result = await lab.kubectl(['create', '-f', '-'], JSON.stringify(object));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(says);
  });

  it('a manifest that is no YAML', async () => {
    const result = await lab.kubectl(['apply', '-f', '-'], 'kind: [Service\n');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/error parsing|error converting/);
  });

  it('nothing of it was stored', async () => {
    const names = await lab.kube(['get', 'svc', '-o', 'jsonpath={.items[*].metadata.name}']);
    expect(names).toBe('kubernetes');
  });
});
