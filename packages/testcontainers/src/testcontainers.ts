/** A lab as a Testcontainers module. */
export {
  type FaultEffect,
  type FaultVerb,
  type LabEndpoint,
  LabRequestError,
  type LabStatus,
  type MeasureOptions,
  type ServiceAddress,
  type Vip,
} from './lab-client.ts';
export { LabService } from './lab-service.ts';
export type { ManifestInput } from './manifests.ts';
export type { Latency, MeasurementReport, PerFlow, Phases, TimelineEvent } from './report.ts';
export { ServiceLab } from './service-lab.ts';
export { StartedServiceLab } from './started-service-lab.ts';
