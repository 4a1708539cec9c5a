/** The container a log or exec request means. Source: kubernetes `pkg/registry/core/pod/strategy.go` (LogLocation, streamLocation). */
import { badRequest, notFound, type Pod, RESOURCES } from '@svclab/core';
import type { Registry } from '../registry/registry.ts';

/** A container on its node. */
export interface PodTarget {
  readonly node: string;
  readonly container: string;
}

/** Finds pod, node and container. Fails with 404, or 400 when the container is not named and there are several, or the pod has no node. */
export function podTarget(registry: Registry, namespace: string, name: string, container: string | null): PodTarget {
  const pod = registry.get<Pod>(RESOURCES.pods, namespace, name);
  if (!pod) throw notFound(RESOURCES.pods, name);
  const names = pod.spec.containers.map((c) => c.name);
  const inits = (pod.spec.initContainers ?? []).map((c) => c.name);
  const chosen = container || (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined) {
    const all = `[${names.join(' ')}]`;
    throw badRequest(
      `a container name must be specified for pod ${name}, choose one of: ${all}${inits.length > 0 ? ` or one of the init containers: [${inits.join(' ')}]` : ''}`,
    );
  }
  if (!names.includes(chosen) && !inits.includes(chosen))
    throw badRequest(`container ${chosen} is not valid for pod ${name}`);
  if (!pod.spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  return { node: pod.spec.nodeName, container: chosen };
}
