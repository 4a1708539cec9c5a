export { checkSettings, gridPoints, parseOver, pointLabel, type SweepAxis, type SweepSettings } from './grid.ts';
export type { IdleFigures, SweepPoint, SweepReport } from './model.ts';
export { pointScenario } from './point-scenario.ts';
export { runSweep, type SweepRun } from './run-sweep.ts';
export { type SweepPlan, sweepDryRun, sweepPlanText } from './sweep-plan.ts';
export { sweepExitCode } from './sweep-report.ts';
export { sweepText } from './sweep-text.ts';
export { writeSweep } from './write-sweep.ts';
