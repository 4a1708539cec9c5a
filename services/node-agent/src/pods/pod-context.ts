import type { BackoffLimits, Cache, Clock, LabConfig, Pod, PodAddresses, TimelineType } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import type { NodeSettings } from '../config.ts';
import type { EventText } from '../report/events.ts';
import type { PodHostClient } from './pod-host-link.ts';

/** What all pod workers of a node share. */
export interface PodContext {
  readonly cache: Cache;
  readonly settings: NodeSettings;
  readonly lab: LabConfig;
  readonly podHost: Pick<
    PodHostClient,
    'ensurePod' | 'stopPod' | 'killPod' | 'restartContainer' | 'stopContainer' | 'exec'
  >;
  readonly addresses: PodAddresses;
  /** MTU of the pods' interfaces, as it is now. */
  readonly mtu: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff: BackoffLimits;
  /** Node -> store revision its rules contain. */
  readonly programmed: ReadonlyMap<string, number>;
  readonly stamp: (type: TimelineType, pod: string, cause: string) => void;
  readonly event: (pod: Pod, text: EventText) => void;
  /** A status, or `finished`, may have changed. */
  readonly onChange: () => void;
}
