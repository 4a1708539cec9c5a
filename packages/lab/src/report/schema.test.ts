import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { exampleReport } from '../../../../test/report/example-report.ts';
import { readReport } from './read-report.ts';
import { reportJsonSchema } from './schema.ts';

const published = new URL('../../../../docs/schema/report.schema.json', import.meta.url);
const dir = mkdtempSync(join(tmpdir(), 'svclab-report-'));
afterAll(() => rmSync(dir, { recursive: true }));

function put(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

describe('the JSON Schema of report.json', () => {
  it('is the published one (npm run gen)', () => {
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(reportJsonSchema());
  });
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(JSON.parse(readFileSync(published, 'utf8')));
  it.each([
    ['one run', exampleReport({ runs: 1, seed: 1 })],
    ['many', exampleReport({ runs: 30, seed: 1, bad: true })],
  ])('takes a report of %s', (_name, report) => {
    expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  });
  it('refuses a report that lacks something', () => {
    const { sentence: _, ...rest } = exampleReport({ runs: 1, seed: 1 });
    expect(validate(rest)).toBe(false);
  });
});

describe('readReport', () => {
  const report = exampleReport({ runs: 1, seed: 1 });
  it('takes the file or its folder', () => {
    const path = put('report.json', JSON.stringify(report));
    expect(readReport(path)).toEqual({ report: JSON.parse(JSON.stringify(report)), dir, path });
    expect(readReport(dir).path).toBe(path);
  });
  it.each([
    ['missing.json', undefined, /No report at .*missing\.json: give a report\.json or a folder/],
    ['broken.json', '{"format": ', /File .*broken\.json is no JSON: /],
    ['other.json', '{"vip": "1.2.3.4"}', /File .*other\.json is no report of "svclab run" at format: /],
    [
      'cut.json',
      JSON.stringify({ ...report, runs: [{ ...report.runs[0], dark_ms: { new: '12' } }] }),
      /File .*cut\.json is no report of "svclab run" at runs\.0\.dark_ms\.new: /,
    ],
  ])('names file, place and cure: %s', (name, text, message) => {
    const path = text === undefined ? join(dir, name) : put(name, text);
    expect(() => readReport(path)).toThrow(message);
  });
});
