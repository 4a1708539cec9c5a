import { type KubeEvent, RESOURCES, type Service } from '@svclab/core';
import type { Registry } from '../registry/registry.ts';

/**
 * The event with the uid of the Service it is about, when its sender did not give one: `kubectl describe` asks for events by uid.
 * Events about other kinds, or about a Service that is gone, stay as they are.
 */
export function withServiceUid(registry: Pick<Registry, 'get'>, event: KubeEvent): KubeEvent {
  const { kind, namespace = '', name = '', uid } = event.involvedObject;
  if (kind !== 'Service' || uid) return event;
  const found = registry.get<Service>(RESOURCES.services, namespace, name)?.metadata.uid;
  return found === undefined ? event : { ...event, involvedObject: { ...event.involvedObject, uid: found } };
}
