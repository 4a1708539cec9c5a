/** What the profile observe is made of, as far as it can be seen without its images. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { METRICS_PORTS } from '@svclab/core';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { composeTextElsewhere } from './compose-file.ts';

const ROOT = new URL('../../../../', import.meta.url);
const OBSERVE = new URL('compose/observe/', ROOT);
const read = (path: string): string => readFileSync(new URL(path, OBSERVE), 'utf8');

interface Service {
  readonly image: string;
  readonly profiles: readonly string[];
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: Readonly<Record<string, null>>;
  readonly [key: string]: unknown;
}
const { services } = parse(read('services.yaml')) as { services: Record<string, Service> };

describe('the services of profile observe', () => {
  it.each(['prometheus', 'grafana'])('%s is hardened, pinned, and shown on the loopback alone', (name) => {
    const service = services[name];
    expect(service).toMatchObject({
      profiles: ['observe'],
      restart: 'no',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service?.image).toMatch(/:-[a-z/]+:v?\d+\.\d+\.\d+\}$/);
    expect(service?.ports.length).toBe(1);
    for (const port of service?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\$\{SVCLAB_[A-Z]+_PORT:-\d+\}:\d+$/);
    for (const volume of service?.volumes ?? []) {
      expect(volume).toMatch(/:ro$/);
      expect(existsSync(new URL(volume.split(':')[0] ?? '', OBSERVE)), volume).toBe(true);
    }
  });
  it('are those of the compose file', () => {
    const compose = parse(readFileSync(new URL('compose/compose.yaml', ROOT), 'utf8'), { merge: true });
    for (const name of Object.keys(services))
      expect(compose.services[name]).toEqual({ extends: { file: 'observe/services.yaml', service: name } });
    for (const { networks } of Object.values(services))
      for (const network of Object.keys(networks)) expect(Object.keys(compose.networks)).toContain(network);
  });
  it('are found and mount what they need from a compose file elsewhere', () => {
    const compose = parse(composeTextElsewhere([1, 2, 3, 4]));
    expect(existsSync(compose.services.grafana.extends.file)).toBe(true);
    const mounts = (Object.values(compose.services) as Partial<Service>[]).flatMap((s) => s.volumes ?? []);
    expect(mounts.filter((m) => m.startsWith('.'))).toEqual([]);
    const [scripts = ''] = mounts.filter((m) => m.endsWith(':/scripts:ro'));
    expect(existsSync(scripts.split(':')[0] ?? '')).toBe(true);
  });
});

describe('prometheus.yml', () => {
  it('scrapes the supervisor, and whom it names', () => {
    const config = parse(read('prometheus.yml'));
    const [supervisor, others] = config.scrape_configs;
    expect(supervisor.static_configs[0].targets).toEqual([`supervisor:${METRICS_PORTS.supervisor}`]);
    expect(others.http_sd_configs[0].url).toBe(`http://supervisor:${METRICS_PORTS.supervisor}/targets`);
    expect(parseInt(config.global.scrape_timeout, 10)).toBeLessThanOrEqual(parseInt(config.global.scrape_interval, 10));
  });
  it('scrapes as often as Grafana takes it to', () => {
    const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yaml'));
    expect(datasources[0].jsonData.timeInterval).toBe(parse(read('prometheus.yml')).global.scrape_interval);
  });
});

describe('the dashboards', async () => {
  const { dashboardFiles } = await import(new URL('scripts/gen-dashboards.mjs', ROOT).href);
  const files = dashboardFiles() as [string, string][];
  it('are what the generator writes', () => {
    expect(readdirSync(new URL('grafana/dashboards/', OBSERVE)).sort()).toEqual(
      files.map(([path]) => path.split('/').at(-1)).sort(),
    );
    for (const [path, text] of files) expect(readFileSync(new URL(path, ROOT), 'utf8') === text, path).toBe(true);
  });
  it('have ids, titles and places of their own, and ask the datasource there is', () => {
    const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yaml'));
    const all = files.map(([, text]) => JSON.parse(text));
    expect(new Set(all.map((d) => d.uid)).size).toBe(4);
    expect(all.map((d) => d.title)).toEqual(['Failover', 'Data path', 'DNS', 'API and store']);
    for (const { panels } of all) {
      expect(new Set(panels.map((p: { title: string }) => p.title)).size).toBe(panels.length);
      const places = panels.map(({ gridPos: { x, y, w } }: { gridPos: { x: number; y: number; w: number } }) => {
        expect(x + w).toBeLessThanOrEqual(24);
        return `${x},${y}`;
      });
      expect(new Set(places).size).toBe(panels.length);
      for (const { targets } of panels)
        for (const target of targets) expect(target.datasource.uid).toBe(datasources[0].uid);
    }
  });
});
