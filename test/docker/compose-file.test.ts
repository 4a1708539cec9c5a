/** The compose file as Docker Compose understands it: what its containers may do, and that it is the same lab for any number of nodes. */
import { describe, expect, it } from 'vitest';
import { run } from '../e2e/lab.ts';

const FILE = new URL('../../compose/compose.yaml', import.meta.url).pathname;
const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;

interface Service {
  readonly image: string;
  readonly privileged?: boolean;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly security_opt?: readonly string[];
  readonly network_mode?: string;
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
  readonly ports?: readonly { readonly host_ip?: string }[];
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
}
interface Config {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<
    Record<
      string,
      { readonly internal?: boolean; readonly ipam: { readonly config: readonly { readonly subnet: string }[] } }
    >
  >;
}

async function config(args: readonly string[], input?: string): Promise<Config> {
  const done = await run(
    'docker',
    ['compose', ...args, 'config', '--format', 'json'],
    input === undefined ? {} : { input },
  );
  expect(done.stderr).toBe('');
  return JSON.parse(done.stdout) as Config;
}

const PROFILES = ['load', 'k6', 'observe', 'ha', 'capture'].flatMap((p) => ['--profile', p]);
const all = await config(['-f', FILE, ...PROFILES]);

describe.each(Object.entries(all.services))('service %s', (name, service) => {
  it('has no more rights than it needs', () => {
    expect(service.privileged ?? false).toBe(false);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service.read_only).toBe(true);
    expect((service.volumes ?? []).map((v) => v.source).filter((s) => s.includes('docker.sock'))).toEqual([]);
    expect(service.network_mode ?? '').not.toBe('host');
    const strong = (service.cap_add ?? []).filter((c) => c === 'SYS_ADMIN' || c === 'NET_ADMIN');
    if (!name.startsWith('node-') && name !== 'client') expect(strong).toEqual([]);
    if (name === 'client') expect(strong).toEqual(['NET_ADMIN']);
  });

  it('is pinned, stays down when it is killed, and publishes on loopback alone', () => {
    expect(service.image).toMatch(/:v?\d/);
    expect(service.restart).toBe('no');
    for (const port of service.ports ?? []) expect(port.host_ip).toBe('127.0.0.1');
  });
});

describe('networks', () => {
  it('lead nowhere, but the one the API is published through', () => {
    const open = Object.entries(all.networks).filter(([, n]) => n.internal !== true);
    expect(open.map(([name]) => name)).toEqual(['api']);
  });
});

describe('svclab compose', () => {
  it.each([1, 2, 3, 5, 90])('--nodes %i', async (nodes) => {
    const printed = await run(process.execPath, [CLI, 'compose', '--nodes', String(nodes)]);
    expect(printed.code).toBe(0);
    const made = await config(['--project-directory', FILE.replace('/compose.yaml', ''), '-f', '-'], printed.stdout);
    const names = Object.keys(made.services).filter((s) => s.startsWith('node-'));
    expect(names).toHaveLength(nodes);
    const last = made.services[`node-${nodes}`];
    expect(last?.networks?.lan?.ipv4_address).toBe(`172.30.0.${10 + nodes}`);
    expect(last?.networks?.control?.ipv4_address).toBe(`172.30.1.${10 + nodes}`);
    expect(last?.cap_add).toEqual(all.services['node-1']?.cap_add);
  });
});
