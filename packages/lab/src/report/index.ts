/** Reports of runs: their contract, their forms, and what compares them. */
export { type Comparison, compareReports, comparisonText } from './compare.ts';
export {
  appendHistory,
  type GateResult,
  gateText,
  type HistoryEntry,
  historyEntry,
  judgeByHistory,
  readHistory,
} from './history.ts';
export { junitXml } from './junit.ts';
export type * from './model.ts';
export { type ReadReport, readReport } from './read-report.ts';
export { runReportMarkdown } from './run-markdown.ts';
export { runReportText } from './run-text.ts';
export { reportJsonSchema } from './schema.ts';
export { renderHtml, writeReports } from './write-reports.ts';
