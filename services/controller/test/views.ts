/** What a test of the control loops looks at. */
import {
  type Deployment,
  type EndpointSlice,
  type Endpoints,
  type KubeEvent,
  type KubeObject,
  RESOURCES,
  SERVICE_NAME_LABEL,
  type Service,
} from '@svclab/core';
import type { Cluster } from './cluster.ts';

/** Looks at the cluster of the running test. */
export function views(cluster: () => Cluster) {
  const slices = (name: string, namespace = 'default'): readonly EndpointSlice[] =>
    cluster()
      .registry.list<EndpointSlice>(RESOURCES.endpointslices, namespace)
      .filter((s) => s.metadata.labels?.[SERVICE_NAME_LABEL] === name);
  const readyIn = (name: string): readonly string[] =>
    slices(name).flatMap((s) => s.endpoints.filter((e) => e.conditions?.ready).map((e) => e.targetRef?.name ?? ''));
  const legacy = (name: string, namespace = 'default'): Endpoints | undefined =>
    cluster().registry.get<Endpoints>(RESOURCES.endpoints, namespace, name);
  const get = (name: string): Deployment => {
    const found = cluster().registry.get<Deployment>(RESOURCES.deployments, 'default', name);
    if (!found) throw new Error(`Deployment ${name} is gone`);
    return found;
  };
  const events = (): readonly KubeEvent[] => cluster().registry.list<KubeEvent>(RESOURCES.events);
  const ingress = (name: string): string | undefined =>
    cluster().registry.get<Service>(RESOURCES.services, 'default', name)?.status?.loadBalancer?.ingress?.[0]?.ip;
  const create = (object: KubeObject): Promise<KubeObject> => {
    const refs = {
      Deployment: RESOURCES.deployments,
      Service: RESOURCES.services,
      IPAddressPool: RESOURCES.ipaddresspools,
      Namespace: RESOURCES.namespaces,
      Pod: RESOURCES.pods,
    } as const;
    return cluster().registry.create(refs[object.kind as keyof typeof refs], object);
  };
  const change = (name: string, spec: Partial<Deployment['spec']>): Promise<Deployment> =>
    cluster().registry.modify<Deployment>(RESOURCES.deployments, 'default', name, (d) => ({
      ...d,
      spec: { ...d.spec, ...spec },
    }));
  /** As `kubectl rollout status` judges it. */
  const rolledOut = (name: string): boolean => {
    const { metadata, spec, status = {} } = get(name);
    const wanted = spec.replicas ?? 1;
    return (
      (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
      (status.updatedReplicas ?? 0) === wanted &&
      (status.replicas ?? 0) === wanted &&
      (status.availableReplicas ?? 0) === wanted
    );
  };

  return { slices, readyIn, legacy, get, events, ingress, create, change, rolledOut };
}
