/** The library: a client for labs that run in one container, what their reports hold, and matchers for them. */
export {
  type FaultEffect,
  type FaultOptions,
  type FaultVerb,
  LabClient,
  type LabEndpoint,
  LabRequestError,
  type LabStatus,
  type MeasureOptions,
  type ServiceAddress,
  type Vip,
} from './lab-client.ts';
export { type LabMatchers, type MatcherResult, matchers } from './matchers.ts';
export type { Latency, MeasurementReport, PerFlow, Phases, TimelineEvent } from './report.ts';
