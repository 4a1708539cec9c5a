/** Reads a report.json somebody gives. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { badInput } from '../state/errors.ts';
import type { RunReport } from './model.ts';
import { REPORT_SCHEMA } from './schema.ts';

/** A report and the folder its raw data is in. */
export interface ReadReport {
  readonly report: RunReport;
  readonly dir: string;
  readonly path: string;
}

/** Reads a report from a report.json or from the folder it is in. Fails with a LabError that names the file, the place in it and what would be right. */
export function readReport(given: string): ReadReport {
  const path = isFolder(given) ? join(given, 'report.json') : given;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw badInput(
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `No report at ${path}: give a report.json or a folder that "svclab run --report FOLDER" wrote`
        : `File ${path} cannot be read: ${(error as Error).message}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`File ${path} is no JSON: ${(error as Error).message}`);
  }
  const parsed = REPORT_SCHEMA.safeParse(value);
  if (!parsed.success) {
    const first = parsed.error.issues[0];
    const place = first && first.path.length > 0 ? ` at ${first.path.join('.')}` : '';
    throw badInput(`File ${path} is no report of "svclab run"${place}: ${first?.message ?? 'not understood'}`);
  }
  // The value as it was written: what a later version added stays.
  return { report: value as RunReport, dir: dirname(path), path };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
