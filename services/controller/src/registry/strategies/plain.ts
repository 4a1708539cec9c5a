import {
  type ConfigMap,
  checkDns1123Label,
  type EndpointSlice,
  type Endpoints,
  forbidden,
  type Namespace,
  RESOURCES,
  type Secret,
  validateConfigMap,
  validateConfigMapUpdate,
  validateEndpointSlice,
  validateEndpointSliceUpdate,
  validateEndpoints,
  validateSecret,
  validateSecretUpdate,
} from '@svclab/core';
import type { Strategy } from '../strategy.ts';
import { typed } from './typed.ts';

/** Namespaces that may not be deleted. Source: kubernetes `plugin/pkg/admission/namespace/lifecycle`. */
const PROTECTED: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Namespaces: held by `spec.finalizers` until they are empty. */
export const namespaceStrategy: Strategy = typed<Namespace>({
  checkName: checkDns1123Label,
  defaults: (ns) => ({
    ...ns,
    metadata: { ...ns.metadata, labels: { ...ns.metadata.labels, 'kubernetes.io/metadata.name': ns.metadata.name } },
  }),
  prepareForCreate: (ns) => ({
    ...ns,
    spec: { ...ns.spec, finalizers: ns.spec?.finalizers ?? ['kubernetes'] },
    status: { phase: 'Active' },
  }),
  prepareForUpdate: (ns, old) => ({ ...ns, spec: old.spec ?? {}, status: old.status ?? { phase: 'Active' } }),
  checkDelete(ns) {
    if (PROTECTED.has(ns.metadata.name))
      throw forbidden(RESOURCES.namespaces, ns.metadata.name, 'this namespace may not be deleted');
  },
});

/** ConfigMaps. */
export const configMapStrategy: Strategy = typed<ConfigMap>({
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
});

/** Secrets: `stringData` is written into `data`. */
export const secretStrategy: Strategy = typed<Secret & { readonly stringData?: Readonly<Record<string, string>> }>({
  defaults(secret) {
    const { stringData, ...rest } = secret;
    const encoded = Object.entries(stringData ?? {}).map(([k, v]) => [k, Buffer.from(v, 'utf8').toString('base64')]);
    return {
      ...rest,
      type: secret.type || 'Opaque',
      ...(secret.data || stringData ? { data: { ...secret.data, ...Object.fromEntries(encoded) } } : {}),
    };
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
});

/** Core v1 Endpoints. */
export const endpointsStrategy: Strategy = typed<Endpoints>({
  defaults(endpoints) {
    if (!endpoints.subsets) return endpoints;
    const subsets = endpoints.subsets.map((subset) => ({
      ...subset,
      ...(subset.ports ? { ports: subset.ports.map((p) => ({ ...p, protocol: p.protocol ?? ('TCP' as const) })) } : {}),
    }));
    return { ...endpoints, subsets };
  },
  validate: validateEndpoints,
});

/** EndpointSlices. */
export const endpointSliceStrategy: Strategy = typed<EndpointSlice>({
  generation: true,
  defaults(slice) {
    if (!slice.ports) return slice;
    return {
      ...slice,
      ports: slice.ports.map((p) => ({ ...p, name: p.name ?? '', protocol: p.protocol ?? ('TCP' as const) })),
    };
  },
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
});
