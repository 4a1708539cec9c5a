/** PodDisruptionBudget and quotas. Source: k8s.io/api `policy/v1/types.go`, `core/v1/types.go`. */
import type { Condition, IntOrString, KubeObject, LabelSelector, StringMap } from './meta.ts';

export interface PodDisruptionBudget extends KubeObject {
  readonly spec: {
    readonly minAvailable?: IntOrString;
    readonly maxUnavailable?: IntOrString;
    readonly selector?: LabelSelector;
    readonly unhealthyPodEvictionPolicy?: 'IfHealthyBudget' | 'AlwaysAllow';
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed: number;
    readonly currentHealthy: number;
    readonly desiredHealthy: number;
    readonly expectedPods: number;
    /** Pods whose eviction was granted and is not seen yet: name -> time of the grant. */
    readonly disruptedPods?: StringMap;
    readonly conditions?: readonly Condition[];
  };
}

export interface ResourceQuota extends KubeObject {
  readonly spec?: { readonly hard?: StringMap; readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly hard?: StringMap; readonly used?: StringMap };
}

export interface LimitRange extends KubeObject {
  readonly spec: {
    readonly limits: readonly {
      readonly type: 'Pod' | 'Container' | 'PersistentVolumeClaim';
      readonly max?: StringMap;
      readonly min?: StringMap;
      readonly default?: StringMap;
      readonly defaultRequest?: StringMap;
      readonly maxLimitRequestRatio?: StringMap;
    }[];
  };
}
