/** Writes report.json. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunReport } from './model.ts';

/** Writes the report into a folder and returns the files it wrote. */
export async function writeReports(dir: string, report: RunReport): Promise<string[]> {
  const file = join(dir, 'report.json');
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return [file];
}

/** The report for people, the sentence last. */
export function runReportText(report: RunReport): string {
  return report.sentence;
}
