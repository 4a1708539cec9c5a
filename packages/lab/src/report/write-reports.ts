/** Writes a report in every form. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtFile } from '../state/programs.ts';
import { pageData } from './html/page-data.ts';
import { readRawRun } from './html/raw-data.ts';
import { reportHtml } from './html/report-html.ts';
import { junitXml } from './junit.ts';
import type { RunReport } from './model.ts';
import { runReportMarkdown } from './run-markdown.ts';

/**
 * Writes report.json, report.md, junit.xml and report.html to `dir`, which holds the raw data the runs name in `files`. Gives the paths it
 * wrote, absolute if `dir` is. Fails with a LabError where svclab is not built.
 */
export function writeReports(dir: string, report: RunReport): string[] {
  mkdirSync(dir, { recursive: true });
  const forms: Readonly<Record<string, string>> = {
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.md': runReportMarkdown(report),
    'junit.xml': junitXml(report),
    'report.html': renderHtml(dir, report),
  };
  return Object.entries(forms).map(([name, text]) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  });
}

/** The HTML of a report whose raw data is in `dir`. */
export function renderHtml(dir: string, report: RunReport): string {
  const raw = report.runs.map((run) => readRawRun(dir, run));
  const asset = (name: string): string => readFileSync(builtFile(join('dist', 'programs', name)), 'utf8');
  return reportHtml(report, pageData(report, raw), {
    script: asset('report-page.js'),
    style: asset('report-page.css'),
  });
}
