/** Reports of runs: their contract, their forms, and what compares them. */
export { junitXml } from './junit.ts';
export type * from './model.ts';
export { type ReadReport, readReport } from './read-report.ts';
export { runReportMarkdown } from './run-markdown.ts';
export { runReportText } from './run-text.ts';
export { reportJsonSchema } from './schema.ts';
export { renderHtml, writeReports } from './write-reports.ts';
