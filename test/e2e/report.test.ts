/** The reports of a real run: valid by the published schema, whole, and without anything to fetch. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { svclab } from './lab.ts';

const root = new URL('../..', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'svclab-report-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the reports of svclab run', () => {
  it('are all there, by the schema, and the page holds the data of each run', async () => {
    const scenario = join(dir, 'short.yaml');
    const out = join(dir, 'out');
    writeFileSync(
      scenario,
      JSON.stringify({
        title: 'Short',
        lab: { nodes: 2, profile: 'fast' },
        manifests: [join(root, 'examples/shop')],
        service: 'shop/frontend',
        steadyState: { duration: '500ms', maxLost: 1000 },
        probe: { path: '/hostname' },
        method: [
          { fault: 'kill', target: 'owner/shop/frontend' },
          { wait: '700ms' },
          { fault: 'restart', target: 'previous' },
        ],
        recovery: '1s',
        expectations: ['prober.sent > 0'],
      }),
    );
    const { stderr } = await svclab(['run', scenario, '--repeat', '2', '--report', out], join(dir, 'state'));
    const text = (name: string): string => readFileSync(join(out, name), 'utf8');
    expect(existsSync(join(out, 'report.json')), stderr).toBe(true);
    const report = JSON.parse(text('report.json'));

    const validate = new Ajv2020({ allowUnionTypes: true }).compile(
      JSON.parse(readFileSync(join(root, 'docs/schema/report.schema.json'), 'utf8')),
    );
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    for (const run of report.runs) for (const file of run.files) expect(existsSync(join(out, file)), file).toBe(true);

    const page = text('report.html');
    expect(/https?:\/\/[^" ]+\.(js|css)/.exec(page)?.[0]).toBeUndefined();
    expect(/<(link|img|iframe)\b|<script[^>]* src=|@import|url\((?!#)/.exec(page)?.[0]).toBeUndefined();
    const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1] ?? '');
    expect(data.runs).toHaveLength(2);
    for (const [i, run] of report.runs.entries()) {
      const { points, faults, lanes } = data.runs[i];
      const lost = points.filter((p: { outcome: string }) => p.outcome !== 'ok');
      const sum = (key: 'new' | 'reused'): number =>
        lost
          .filter((p: { flow: string }) => p.flow === key)
          .reduce((n: number, p: { t: number[] }) => n + p.t.length, 0);
      expect(sum('new')).toBeGreaterThanOrEqual(run.lost.new);
      expect(sum('reused')).toBeGreaterThanOrEqual(run.lost.reused);
      expect(faults).toHaveLength(1);
      expect(lanes.map((l: { name: string }) => l.name)).toContain(`${run.owner_before} announcer`);
    }
    expect(text('report.md')).toContain(report.command);
    expect(text('junit.xml').match(/<testcase /g)?.length).toBeGreaterThanOrEqual(4);
  });
});
