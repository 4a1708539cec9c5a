/** `svclab run` from outside: reports, exit codes, interruption, and input that is wrong. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Lab, svclab, uniqueName, until } from './lab.ts';

const root = new URL('../..', import.meta.url).pathname;
const CLI = join(root, 'packages/cli/bin/svclab.js');
const dir = mkdtempSync(join(tmpdir(), 'svclab-run-'));
const state = join(dir, 'state');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Starts `svclab run` and resolves once it says `line`. */
async function started(
  args: readonly string[],
  line: string,
): Promise<{ child: ChildProcess; ended: Promise<number | null> }> {
  const child = spawn(process.execPath, [CLI, 'run', ...args], {
    env: { ...process.env, SVCLAB_STATE_DIR: state },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      if (said.includes(line)) resolve();
    });
    child.once('close', (code) => reject(new Error(`svclab run exits ${code} before it says "${line}": ${said}`)));
  });
  return { child, ended };
}
/** Whether a lab of that name runs. */
const runs = async (name: string): Promise<boolean> => (await svclab(['status', '--name', name], state)).code === 0;

const SHORT = {
  title: 'Short',
  lab: { nodes: 2, profile: 'fast' },
  manifests: [join(root, 'examples/shop')],
  service: 'shop/frontend',
  steadyState: { duration: '500ms', maxLost: 1000 },
  probe: { path: '/hostname' },
  recovery: '500ms',
};

let written = 0;
function scenario(more: object): string {
  const path = join(dir, `s${++written}.yaml`);
  writeFileSync(path, JSON.stringify({ ...SHORT, ...more }));
  return path;
}

describe('svclab run', () => {
  it('writes the reports, and exits 0 when all holds', async () => {
    const out = join(dir, 'held');
    const file = scenario({
      method: [{ fault: 'pause', target: 'announcer/node-1', duration: '300ms' }, { wait: '300ms' }],
      probes: [{ name: 'two nodes', mode: 'Edge', kubectl: 'get nodes -o name | wc -l', tolerance: { range: [2, 2] } }],
      checks: { expectViolation: ['one-owner', 'no-removed-endpoint', 'rules-converge', 'no-refusal-while-ready'] },
      expectations: ['prober.sent > 0'],
    });
    const { code, stdout, stderr } = await svclab(['run', file, '--report', out, '-o', 'json', '--seed', '7'], state);
    const report = JSON.parse(stdout);
    expect({ code, inconclusive: report.runs[0].inconclusive, stderr }).toMatchObject({ code: 0, inconclusive: [] });
    expect(report).toMatchObject({
      format: 'svclab.dev/report/v1',
      verdict: 'held',
      repeats: 1,
      seed: 7,
      expectations: [{ expr: 'prober.sent > 0', held: true }],
      runs: [
        {
          steps: [{ kind: 'fault', ok: true }, { kind: 'wait' }],
          probes: [{ held: true, value: '2' }, { held: true }],
        },
      ],
    });
    expect(report.command).toContain(`svclab run ${file} --repeat 1 --seed 7`);
    for (const f of ['report.json', 'report.html', 'report.md', 'junit.xml', 'samples.jsonl', 'timeline.jsonl'])
      expect(readFileSync(join(out, f), 'utf8').length).toBeGreaterThan(0);
    expect(stderr).toContain('pause announcer/node-1');
  });

  it('exits 1 when an expectation fails, and says what was found', async () => {
    const file = scenario({ method: [{ wait: '100ms' }], expectations: ['prober.sent <= 1'] });
    const { code, stdout } = await svclab(['run', file, '--report', join(dir, 'failed')], state);
    expect(code).toBe(1);
    expect(stdout).toMatch(/FAILED\s+prober\.sent <= 1 \(found \d+\)/);
  });

  it('heals, keeps what was measured and exits 130 on Ctrl-C', async () => {
    const out = join(dir, 'interrupted');
    const file = scenario({ method: [{ fault: 'kill', target: 'node/node-2' }, { wait: '60s' }] });
    const name = uniqueName();
    const { child, ended } = await started([file, '--report', out, '--name', name, '--keep'], 'fault kill node/node-2');
    try {
      child.kill('SIGINT');
      expect(await ended).toBe(130);
      const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
      expect(report).toMatchObject({ verdict: 'interrupted', runs: [{ steps: [{ what: 'fault kill node/node-2' }] }] });
      expect(existsSync(join(out, 'samples.jsonl'))).toBe(true);
      const { stdout } = await svclab(['fault', 'list', '--name', name, '-o', 'json'], state);
      expect(JSON.parse(stdout)).toEqual([]);
      const status = JSON.parse((await svclab(['status', '--name', name, '-o', 'json'], state)).stdout);
      expect(status.hosts.find((h: { name: string }) => h.name === 'node-2').up).toBe(true);
    } finally {
      await svclab(['down', '--name', name], state);
    }
  });

  it('takes the lab down when svclab itself is killed', async () => {
    const file = scenario({ method: [{ fault: 'pause', target: 'announcer/node-1' }, { wait: '60s' }] });
    const name = uniqueName();
    const { child } = await started(
      [file, '--report', join(dir, 'killed'), '--name', name],
      'fault pause announcer/node-1',
    );
    child.kill('SIGKILL');
    await until('the lab to end', async () => !(await runs(name)));
  });
});

describe('input that is wrong', () => {
  const script = (text: string): string => {
    const path = join(dir, `l${++written}.js`);
    writeFileSync(path, text);
    return path;
  };
  it.each<[string, object, RegExp]>([
    ['an unknown key', { labs: {} }, /s\d+\.yaml:1:\d+: Field labs is not known: there are/],
    [
      'an unknown fault',
      { method: [{ fault: 'explode', target: 'node/node-1' }] },
      /yaml:1:\d+: Field method\[0\]\.fault is "explode"/,
    ],
    [
      'an unknown target',
      { method: [{ fault: 'kill', target: 'node/node-9' }] },
      /yaml:1:\d+: Field method\[0\]\.target .*give one of node\/node-1, node\/node-2/,
    ],
    [
      'an expectation over nothing',
      { expectations: ['darkness <= 5'] },
      /yaml:1:\d+: Field expectations\[0\] is about darkness, which no report has/,
    ],
    [
      'a script that is not there',
      { load: { script: '/no/such.js' } },
      /yaml:1:\d+: Field load\.script is \/no\/such\.js: there is no such file/,
    ],
    ['a script that does not parse', { load: { script: script('export default function ( {') } }, /l\d+\.js/],
    [
      'a script that throws',
      { load: { script: script("throw new Error('on purpose'); export default function () {}") } },
      /l\d+\.js.*on purpose/s,
    ],
    ['a Service that is not there', { service: 'shop/nowhere' }, /shop\/nowhere/],
  ])('%s', async (_, more, says) => {
    const name = uniqueName();
    const file = scenario(more);
    const { code, stderr } = await svclab(['run', file, '--name', name, '--report', join(dir, 'wrong')], state);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
    expect(await runs(name)).toBe(false);
  });
  it('a probe of an address nobody owns', async () => {
    const lab = await Lab.up(['--nodes', '1']);
    try {
      const { code, stderr } = await lab.cli('probe', 'http://172.30.0.240/', '--duration', '1s');
      expect(stderr).toMatch(/Address 172\.30\.0\.240 belongs to nobody in lab e2e-/);
      expect(code).toBe(2);
    } finally {
      await lab.down();
    }
  });
});
