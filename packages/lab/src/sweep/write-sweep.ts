/** Writes a sweep in every form. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtFile } from '../state/programs.ts';
import type { SweepReport } from './model.ts';
import { sweepHtml } from './sweep-html.ts';
import { sweepMarkdown } from './sweep-text.ts';

/** Writes sweep.json, sweep.md and sweep.html to `dir`; gives the paths. Fails with a LabError where svclab is not built. */
export function writeSweep(dir: string, report: SweepReport): string[] {
  mkdirSync(dir, { recursive: true });
  const style = readFileSync(builtFile(join('dist', 'programs', 'report-page.css')), 'utf8');
  const forms: Readonly<Record<string, string>> = {
    'sweep.json': `${JSON.stringify(report, null, 2)}\n`,
    'sweep.md': sweepMarkdown(report),
    'sweep.html': sweepHtml(report, style),
  };
  return Object.entries(forms).map(([name, text]) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  });
}
