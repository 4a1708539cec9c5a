/** The GitHub action, its shell steps run here as a runner would. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

interface Step {
  readonly name: string;
  readonly id?: string;
  readonly if?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly 'working-directory'?: string;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly required?: boolean; readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as Action;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'svc-action-'));
  mkdirSync(join(dir, 'test'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the action's shell steps in `dir`. */
function runAction(inputs: Readonly<Record<string, string>>) {
  const steps: Record<string, Record<string, string>> = {};
  const summary = join(dir, 'summary');
  writeFileSync(summary, '');
  const value = (expression: string): string => {
    const path = expression.split('.');
    if (path[0] === 'inputs') return inputs[path[1] ?? ''] ?? action.inputs[path[1] ?? '']?.default ?? '';
    if (path[0] === 'steps') return steps[path[1] ?? '']?.[path[3] ?? ''] ?? '';
    if (expression === 'github.action_path') return ROOT;
    throw new Error(`Expression ${expression} is not known to this test`);
  };
  const expand = (text: string): string =>
    text.replaceAll(/\$\{\{ *(.*?) *\}\}/g, (_, expression) => value(expression));
  let code = 0;
  let said = '';
  for (const step of action.runs.steps) {
    if (step.run === undefined || code !== 0) continue;
    const output = join(dir, 'output');
    writeFileSync(output, '');
    const env = Object.fromEntries(Object.entries(step.env ?? {}).map(([k, v]) => [k, expand(v)]));
    // As a runner starts `shell: bash`.
    const done = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
      cwd: step['working-directory'] ? expand(step['working-directory']) : dir,
      env: {
        ...process.env,
        ...env,
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: summary,
        SVCLAB_STATE_DIR: join(dir, 's'),
      },
      encoding: 'utf8',
    });
    code = done.status ?? 128;
    said += done.stdout + done.stderr;
    if (step.id)
      steps[step.id] = Object.fromEntries(
        readFileSync(output, 'utf8')
          .split('\n')
          .map((line) => line.split(/=(.*)/s)),
      );
  }
  const outputs = Object.fromEntries(Object.entries(action.outputs).map(([name, { value: v }]) => [name, expand(v)]));
  return { code, said, outputs, summary: readFileSync(summary, 'utf8') };
}

/** A scenario of the shop whose only expectation is `expectation`. */
function scenario(name: string, expectation: string): string {
  const text = readFileSync(join(ROOT, 'loadtest', 'scenarios', 'vip-failover.yaml'), 'utf8');
  const shortened = text
    .replace(/^load:\n(?: .*\n)+/m, '')
    .replace(/^expectations:[\s\S]*/m, `expectations:\n  - ${expectation}\n`);
  writeFileSync(join(dir, 'test', name), shortened);
  return `test/${name}`;
}

describe('action.yml', () => {
  it('is a composite action with these inputs and outputs', () => {
    expect(action.runs.using).toBe('composite');
    expect(Object.entries(action.inputs).map(([name, i]) => [name, i.required ?? false, i.default])).toEqual([
      ['scenario', true, undefined],
      ['repeat', false, '1'],
      ['report', false, 'svclab-report'],
      ['engine', false, 'auto'],
      ['artifact', false, 'svclab-report'],
    ]);
    expect(Object.keys(action.outputs)).toEqual(['sentence', 'dark-ms', 'exit-code']);
    for (const step of action.runs.steps)
      expect(step.uses ?? step.shell).toMatch(/^(bash|actions\/upload-artifact@v4)$/);
  });

  it('takes what users write through the environment alone, and uploads whatever happened', () => {
    for (const step of action.runs.steps) expect(step.run ?? '').not.toContain('${{');
    const upload = action.runs.steps.find((s) => s.uses);
    expect(upload?.if).toContain('always()');
    expect(upload?.with?.path).toMatch(/^\$\{\{ inputs\.report \}\}$/);
  });

  it('documents every input and output', () => {
    const page = readFileSync(join(ROOT, 'docs', 'ci.md'), 'utf8');
    for (const name of [...Object.keys(action.inputs), ...Object.keys(action.outputs)])
      expect(page).toContain(`\`${name}\``);
    for (const [, yaml] of page.matchAll(/```yaml\n(.*?)```/gs)) expect(parse(yaml ?? '')).toBeTypeOf('object');
  });

  it('passes when the expectations hold', () => {
    const done = runAction({ scenario: scenario('good.yaml', 'dark_ms.new <= 30000'), report: 'out' });
    // 3: this machine was too busy to measure, which the action says as well.
    expect([0, 3], done.said).toContain(done.code);
    expect(done.outputs).toMatchObject({
      'exit-code': String(done.code),
      sentence: expect.stringContaining('The VIP was'),
    });
    expect(Number(done.outputs['dark-ms'])).toBeGreaterThan(0);
    expect(done.summary).toMatch(/^## .*: .*\n\n\*\*The VIP was/);
    expect(JSON.parse(readFileSync(join(dir, 'out', 'report.json'), 'utf8'))).toHaveProperty('runs');
  });

  it('fails when one does not, and says so', () => {
    const done = runAction({ scenario: scenario('bad.yaml', 'dark_ms.new < 0') });
    expect(done, done.said).toMatchObject({ code: 1, outputs: { 'exit-code': '1' } });
    expect(done.said).toMatch(/::error title=Expectation failed::The VIP was/);
    expect(done.summary).toMatch(/\| ❌ \| `dark_ms.new < 0`/);
  });

  it('says that a scenario is not there', () => {
    const done = runAction({ scenario: 'test/none.yaml' });
    expect(done, done.said).toMatchObject({ code: 2, summary: '' });
    expect(done.said).toMatch(/test\/none.yaml[\s\S]*::error title=Bad input::/);
  });
});
