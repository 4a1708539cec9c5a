/** The hash that ties pods to the template they were made from. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { PodTemplateSpec } from '../../api/core.ts';
import type { LabelSelector } from '../../api/meta.ts';
import { jsonEqual } from '../../kube/patch/merge-patch.ts';
import { canonicalJson, fnv1a32, safeEncode } from '../common/hash.ts';

/** Label of ReplicaSets and pods that holds the hash. */
export const POD_TEMPLATE_HASH = 'pod-template-hash';

/** Hash of a template. `collisions` makes another hash when the first one's name is taken by another template. */
export function podTemplateHash(template: PodTemplateSpec, collisions = 0): string {
  return safeEncode(String(fnv1a32(canonicalJson(template) + (collisions > 0 ? `#${collisions}` : ''))));
}

/** True when the templates are equal but for the hash label. */
export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec): unknown {
  const { [POD_TEMPLATE_HASH]: _hash, ...labels } = template.metadata?.labels ?? {};
  return JSON.parse(canonicalJson({ ...template, metadata: { ...template.metadata, labels } }));
}

/** The oldest ReplicaSet that has the Deployment's present template. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
}

/** Template and selector with the hash as one more label. */
export function hashed(deployment: Deployment, hash: string): { template: PodTemplateSpec; selector: LabelSelector } {
  const { template, selector } = deployment.spec;
  const extra = { [POD_TEMPLATE_HASH]: hash };
  return {
    template: { ...template, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...extra } } },
    selector: { ...selector, matchLabels: { ...selector.matchLabels, ...extra } },
  };
}
