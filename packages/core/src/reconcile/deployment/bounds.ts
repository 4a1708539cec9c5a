/** How many pods a rolling update may have too many or too few. Source: kubernetes `pkg/controller/deployment/util/deployment_util.go` (ResolveFenceposts). */
import type { Deployment } from '../../api/apps.ts';
import type { IntOrString } from '../../api/meta.ts';

/** A number, or a percentage of `total`. */
function resolve(value: IntOrString | undefined, total: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value ?? '');
  // Through integers: 7 % of 100 as a product of fractions is 7.000000000000001.
  return percent ? round((Number(percent[1]) * total) / 100) : 0;
}

function isRolling(deployment: Deployment): boolean {
  return (deployment.spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Pods there may be beyond `spec.replicas`; percentages are rounded up. */
export function maxSurge(deployment: Deployment): number {
  if (!isRolling(deployment)) return 0;
  return resolve(deployment.spec.strategy?.rollingUpdate?.maxSurge ?? '25%', deployment.spec.replicas ?? 1, Math.ceil);
}

/** Pods that may be missing; percentages are rounded down. When both bounds come to 0 one may be missing, else nothing could move. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRolling(deployment) || replicas === 0) return 0;
  const given = deployment.spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%';
  const bound = resolve(given, replicas, Math.floor);
  if (bound === 0 && maxSurge(deployment) === 0) return 1;
  return Math.min(bound, replicas);
}
