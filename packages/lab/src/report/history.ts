/** What scenarios cost before: one JSON object a line, so that the file can live in a repository or a CI cache and merge line by line. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type GateFigure, type GateFinding, gate } from '@svclab/core';
import { z } from 'zod';
import { badInput } from '../state/errors.ts';
import type { RunReport } from './model.ts';
import { speak } from './rows.ts';

const FORMAT = 'svclab.dev/history/v1';

const ENTRY = z.object({
  format: z.literal(FORMAT),
  at: z.string(),
  scenario: z.string(),
  profile: z.string(),
  driver: z.string(),
  nodes: z.number(),
  set: z.record(z.string(), z.string()),
  svclab: z.string(),
  command: z.string(),
  runs: z.number(),
  figures: z.record(z.string(), z.object({ p50: z.number(), p95: z.number() })),
});

/** One earlier report. Only those of the same scenario, profile, driver, node count and knobs are compared. */
export type HistoryEntry = z.infer<typeof ENTRY>;

/** The key figures of a report, as a line of the history. */
export function historyEntry(report: RunReport): HistoryEntry {
  const { environment: e } = report;
  const figure = ({ p50, p95 }: GateFigure): GateFigure => ({ p50, p95 });
  const figures = {
    'dark_ms.new': figure(report.dark_ms.new),
    'dark_ms.reused': figure(report.dark_ms.reused),
    'lost.new': figure(report.lost.new),
    'lost.reused': figure(report.lost.reused),
    ...Object.fromEntries(
      report.cases.flatMap((c) => [
        [`cases.${c.name}.dark_ms.new`, figure(c.dark_ms.new)],
        [`cases.${c.name}.lost.new`, figure(c.lost.new)],
      ]),
    ),
  };
  return {
    format: FORMAT,
    at: report.finished_at,
    scenario: report.title,
    profile: e.profile,
    driver: e.driver,
    nodes: e.nodes,
    set: e.set,
    svclab: e.svclab,
    command: report.command,
    runs: report.runs.length,
    figures,
  };
}

/** Reads a history; a file that is not there is an empty one. Fails with a LabError that names file and line. */
export function readHistory(path: string): HistoryEntry[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw badInput(`History ${path} cannot be read: ${(error as Error).message}`);
  }
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const wrong = (what: string): Error =>
      badInput(
        `History ${path}, line ${i + 1}: ${what}; remove the line, or give a file that "svclab gate --update" wrote`,
      );
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw wrong(`no JSON (${(error as Error).message})`);
    }
    const parsed = ENTRY.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw wrong(`not understood at "${issue?.path.join('.') ?? ''}" (${issue?.message ?? ''})`);
    }
    return [parsed.data];
  });
}

/** Adds a line. */
export function appendHistory(path: string, entry: HistoryEntry): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
}

/** What `svclab gate -o json` prints. */
export interface GateResult {
  readonly scenario: string;
  /** Earlier reports it was compared with. */
  readonly compared_with: number;
  readonly leeway_percent: number;
  readonly findings: readonly GateFinding[];
  readonly held: boolean;
  readonly sentence: string;
}

/** Judges a report by the history of its like. */
export function judgeByHistory(report: RunReport, history: readonly HistoryEntry[], leeway: number): GateResult {
  const entry = historyEntry(report);
  const like = history.filter((h) => likeness(h) === likeness(entry));
  const error = (figure: string): number => (figure.includes('_ms') ? report.dark_ms.new.error : 1);
  const findings = gate(
    entry.figures,
    like.map((h) => h.figures),
    { leeway, error },
  );
  const worse = findings.filter((f) => !f.held);
  return {
    scenario: report.title,
    compared_with: like.length,
    leeway_percent: Math.round(leeway * 1000) / 10,
    findings,
    held: worse.length === 0,
    sentence: sentence(report.title, like.length, history.length, worse),
  };
}

/** What two reports must have in common to be compared. */
function likeness(entry: HistoryEntry): string {
  const set = Object.entries(entry.set).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([entry.scenario, entry.profile, entry.driver, entry.nodes, set]);
}

function unitOf(figure: string): 'ms' | 'requests' {
  return figure.includes('_ms') ? 'ms' : 'requests';
}

function sentence(title: string, like: number, all: number, worse: readonly GateFinding[]): string {
  if (like === 0)
    return `Nothing to compare with: the history holds no report of "${title}" with this profile, driver, node count and knobs${all > 0 ? ` (${all} of others)` : ''}, so the gate passes.`;
  if (worse.length === 0)
    return `"${title}" is no worse than its ${like} earlier ${like === 1 ? 'report' : 'reports'}, leeway included.`;
  const said = worse.map(
    (f) =>
      `${f.figure} is ${speak(f.found, unitOf(f.figure))}, over ${speak(f.limit, unitOf(f.figure))} (before: ${speak(f.past, unitOf(f.figure))})`,
  );
  return `"${title}" got worse: ${said.join('; ')}.`;
}

/** The judgement for people, the sentence last. */
export function gateText(result: GateResult): string {
  const lines = result.findings.map((f) => {
    const unit = unitOf(f.figure);
    return `${f.held ? 'held  ' : 'WORSE '}  ${f.figure}: ${speak(f.found, unit)}; before ${speak(f.past, unit)}, limit ${speak(f.limit, unit)}`;
  });
  return [...lines, result.sentence].join('\n');
}
