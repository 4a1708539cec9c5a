/** Events as events.k8s.io/v1 shows them: the same objects under other field names. Source: kubernetes `pkg/apis/events/v1/conversion.go`. */
import { type KubeEvent, type KubeObject, RESOURCES } from '@svclab/core';
import type { View } from './definition.ts';

/** core/v1 field -> events.k8s.io/v1 field. */
const NAMES: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

function rename(object: KubeObject, names: ReadonlyMap<string, string>): KubeObject {
  return Object.fromEntries(Object.entries(object).map(([k, v]) => [names.get(k) ?? k, v])) as unknown as KubeObject;
}

const forth = new Map(NAMES);
const back = new Map(NAMES.map(([a, b]) => [b, a]));

/** The view; what is stored is the core/v1 form. */
export const EVENT_VIEW: View = {
  storage: RESOURCES.events,
  toServed: (stored) => ({ ...rename(stored as KubeEvent, forth), apiVersion: 'events.k8s.io/v1' }),
  toStored: (served) => ({ ...rename(served, back), apiVersion: 'v1' }),
};
