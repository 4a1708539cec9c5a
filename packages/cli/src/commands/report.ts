import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { print, say } from '../context.ts';
import { outputOption } from '../options.ts';

/** `svclab report compare|html`. */
export function addReport(parent: Command): void {
  const report = parent
    .command('report')
    .description('compare reports of svclab run, or render one again')
    .addHelpText('before', 'Examples:\n  svclab report compare before after\n  svclab report html .svclab/run\n');
  report
    .command('compare')
    .description('what differs between two reports, by how much, and whether that is more than chance')
    .argument('<before>', 'a report.json, or the folder it is in')
    .argument('<after>', 'another')
    .addOption(outputOption())
    .action(compare);
  report
    .command('html')
    .description(
      'write report.html, report.md and junit.xml of a report anew, from report.json and the raw data beside it',
    )
    .argument('<dir>', 'the folder, or its report.json')
    .action(html);
  for (const command of report.commands) command.exitOverride().showHelpAfterError('(add --help for more)');
}

async function compare(before: string, after: string, flags: { readonly output: string }): Promise<void> {
  const { compareReports, comparisonText, readReport } = await import('@svclab/lab');
  const comparison = compareReports(readReport(before), readReport(after));
  print(flags.output, comparison, () => comparisonText(comparison));
}

async function html(given: string): Promise<void> {
  const { junitXml, readReport, renderHtml, runReportMarkdown } = await import('@svclab/lab');
  const { report, dir } = readReport(given);
  for (const [name, text] of [
    ['report.html', renderHtml(dir, report)],
    ['report.md', runReportMarkdown(report)],
    ['junit.xml', junitXml(report)],
  ] as const) {
    writeFileSync(join(dir, name), text);
    say(`Wrote ${join(dir, name)}`);
  }
}
