/** Labs as a library: start, use, break, measure, stop. */
export * from './client/connect.ts';
export * from './client/exec.ts';
export * from './doctor/doctor.ts';
export { readApi } from './driver/cluster-ready.ts';
export * from './driver/up.ts';
export * from './faults/index.ts';
export * from './plan/lab-file.ts';
export * from './plan/plan.ts';
export * from './state/errors.ts';
export * from './state/paths.ts';
export * from './state/programs.ts';
export type { LabSecrets } from './state/secrets.ts';
export { timelineJson } from './supervisor/timeline-log.ts';
