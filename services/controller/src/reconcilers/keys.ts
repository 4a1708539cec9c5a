/** Keys of work queues, and the one refusal that ends work for good. */
import { hasReason, type ResourceRef, type StoreEvent } from '@svclab/core';

/** `namespace/name`, the key of most reconcilers. */
export function objectKey(object: {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** The inverse of {@link objectKey}. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** True for a refusal because the namespace is being deleted: nothing new will ever be let in. */
export function isNamespaceEnding(error: unknown): boolean {
  return hasReason(error, 'Forbidden') && error.message.includes('because it is being terminated');
}

/** True when the event is about the resource. */
export function isAbout(event: StoreEvent, ref: ResourceRef): boolean {
  return event.key.group === ref.group && event.key.resource === ref.resource;
}
