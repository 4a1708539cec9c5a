/**
 * The report as JUnit XML, as CI servers read it: one suite, a test case per expectation, per check and for each run.
 *
 * An expectation or check that did not hold is a `failure`, unless the scenario means to violate the check. A run that proves nothing (generator late, iterations dropped) is `skipped` with
 * the reason, not passed and not failed; when the whole report is inconclusive or was interrupted, its own case `verdict` is an `error`, so
 * that no CI server takes it for green.
 */
import type { RunReport, RunResult } from './model.ts';
import { checkSummaries, checkWords, expectationText } from './rows.ts';

interface TestCase {
  readonly group: string;
  readonly name: string;
  readonly seconds: number;
  readonly end?: { readonly as: 'failure' | 'skipped' | 'error'; readonly message: string; readonly body?: string };
  readonly out?: string;
}

/** Text in XML, also in attributes. Characters XML does not know are left out. */
export function xmlText(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\n\r\t]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The report as JUnit XML, with a newline at the end. */
export function junitXml(report: RunReport): string {
  const cases = [...expectations(report), ...checks(report), ...report.runs.map(run), verdict(report)];
  const count = (as: string): number => cases.filter((c) => c.end?.as === as).length;
  const seconds = cases.reduce((sum, c) => sum + c.seconds, 0);
  const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds.toFixed(3)}"`;
  const properties = {
    seed: report.seed,
    repeats: report.repeats,
    command: report.command,
    svclab: report.environment.svclab,
    profile: report.environment.profile,
    dark_ms_new_p50: report.dark_ms.new.p50,
    dark_ms_new_p95: report.dark_ms.new.p95,
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="svclab" ${totals}>`,
    `  <testsuite name="${xmlText(report.title)}" timestamp="${xmlText(report.started_at)}" ${totals}>`,
    '    <properties>',
    ...Object.entries(properties).map(
      ([name, value]) => `      <property name="${name}" value="${xmlText(String(value))}"/>`,
    ),
    '    </properties>',
    ...cases.map((c) => testCase(report.title, c)),
    `    <system-out>${xmlText(report.sentence)}</system-out>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(title: string, c: TestCase): string {
  const head = `    <testcase classname="${xmlText(`${title}.${c.group}`)}" name="${xmlText(c.name)}" time="${c.seconds.toFixed(3)}"`;
  const inside = [
    ...(c.end
      ? [
          c.end.body
            ? `<${c.end.as} message="${xmlText(c.end.message)}">${xmlText(c.end.body)}</${c.end.as}>`
            : `<${c.end.as} message="${xmlText(c.end.message)}"/>`,
        ]
      : []),
    ...(c.out === undefined ? [] : [`<system-out>${xmlText(c.out)}</system-out>`]),
  ];
  return inside.length === 0 ? `${head}/>` : `${head}>${inside.join('')}</testcase>`;
}

function expectations(report: RunReport): TestCase[] {
  return report.expectations.map((e) => ({
    group: 'expectations',
    name: e.expr,
    seconds: 0,
    ...(e.held ? {} : { end: { as: 'failure' as const, message: expectationText(e) } }),
  }));
}

function checks(report: RunReport): TestCase[] {
  return checkSummaries(report).map((c) => ({
    group: 'checks',
    name: c.check,
    seconds: 0,
    ...(c.fine
      ? { out: c.held === c.of ? c.result.finding : `${checkWords(c)}: ${c.result.finding}` }
      : {
          end: {
            as: 'failure' as const,
            message: `${c.result.finding} (run ${c.run.run}; held in ${c.held} of ${c.of})`,
            body: c.result.evidence.map((e) => `${e.at_ms} ms  ${e.what}`).join('\n'),
          },
        }),
  }));
}

function run(r: RunResult): TestCase {
  const failed = r.expectations.filter((e) => !e.held);
  const base = {
    group: 'runs',
    name: `run ${r.run}${r.case === '' ? '' : ` (${r.case})`}`,
    seconds: r.prober.duration_ms / 1000,
    out: r.sentence,
  };
  if (r.inconclusive.length > 0)
    return { ...base, end: { as: 'skipped', message: `Inconclusive: ${r.inconclusive.join('; ')}` } };
  if (failed.length > 0) return { ...base, end: { as: 'failure', message: failed.map(expectationText).join('; ') } };
  return base;
}

function verdict(report: RunReport): TestCase {
  const base = { group: 'verdict', name: 'verdict', seconds: 0, out: report.sentence };
  if (report.verdict === 'held') return base;
  if (report.verdict === 'failed') return { ...base, end: { as: 'failure', message: `Failed: ${report.sentence}` } };
  const reasons = [...new Set(report.runs.flatMap((r) => r.inconclusive))];
  return {
    ...base,
    end: {
      as: 'error',
      message:
        report.verdict === 'interrupted' ? 'Interrupted' : `Inconclusive: ${reasons.join('; ') || 'no reason given'}`,
    },
  };
}
