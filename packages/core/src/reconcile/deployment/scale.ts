/** Sizes of a Deployment's ReplicaSets: one step at a time. Source: kubernetes `pkg/controller/deployment/{rolling,recreate,sync}.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import { timeOf } from '../common/time.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS } from './annotations.ts';
import { maxSurge, maxUnavailable } from './bounds.ts';

/** A ReplicaSet and the size it gets. */
export interface SetScale {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** Pods a ReplicaSet asks for. */
export const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
const total = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + sizeOf(set), 0);
const available = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;

/** Oldest first; the name decides between those of one second. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  return (
    timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp) ||
    (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}

/** Size of the new ReplicaSet in the next step. `current` is its present size, `all` every ReplicaSet there is. */
export function newSetSize(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (current >= wanted || deployment.spec.strategy?.type === 'Recreate') return wanted;
  const room = wanted + maxSurge(deployment) - total(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** One step of the old ReplicaSets in a rolling update: pods that are not available go first, then as many as may be missing. */
export function shrinkOldSets(
  deployment: Deployment,
  newSet: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly SetScale[] {
  const present = old.filter((set) => sizeOf(set) > 0).sort(byAge);
  if (present.length === 0) return [];
  const minAvailable = (deployment.spec.replicas ?? 1) - maxUnavailable(deployment);
  const newUnavailable = Math.max(0, sizeOf(newSet) - available(newSet));
  const mayGo = total(present) + sizeOf(newSet) - minAvailable - newUnavailable;
  if (mayGo <= 0) return [];
  const sizes = new Map(present.map((set) => [set, sizeOf(set)]));
  let left = mayGo;
  for (const set of present) {
    const unhealthy = Math.min(left, Math.max(0, sizeOf(set) - available(set)));
    sizes.set(set, sizeOf(set) - unhealthy);
    left -= unhealthy;
  }
  let spare = [newSet, ...present].reduce((sum, set) => sum + available(set), 0) - minAvailable;
  for (const set of present) {
    const size = sizes.get(set) ?? 0;
    const step = Math.min(size, Math.max(0, spare));
    sizes.set(set, size - step);
    spare -= step;
  }
  return changed(sizes);
}

function changed(sizes: ReadonlyMap<ReplicaSet, number>): readonly SetScale[] {
  return [...sizes].filter(([set, n]) => n !== sizeOf(set)).map(([set, replicas]) => ({ set, replicas }));
}

/** True when `spec.replicas` has changed since the ReplicaSets were last scaled. */
export function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => sizeOf(set) > 0 && wasScaledForOther(deployment, set));
}

function wasScaledForOther(deployment: Deployment, set: ReplicaSet): boolean {
  const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
  return desired !== undefined && Number(desired) !== (deployment.spec.replicas ?? 1);
}

/**
 * New sizes after a change of `spec.replicas` or while paused: one ReplicaSet takes all, several share in proportion to their sizes.
 * A ReplicaSet that keeps its size but was scaled for another number is in the result as well, so that its annotations follow.
 */
export function rescale(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly SetScale[] {
  const all = newSet ? [...old, newSet] : [...old];
  const active = all.filter((set) => sizeOf(set) > 0);
  const latest = newSet ?? all.sort(byAge).at(-1);
  const sizes = new Map(active.map((set) => [set, sizeOf(set)]));
  const single = active.length === 1 ? active[0] : active.length === 0 ? latest : undefined;
  if (single) sizes.set(single, deployment.spec.replicas ?? 1);
  else if (newSet && isSaturated(deployment, newSet)) for (const set of old) sizes.set(set, 0);
  else if (deployment.spec.strategy?.type !== 'Recreate')
    for (const [set, n] of proportional(deployment, active)) sizes.set(set, n);
  return [...sizes]
    .filter(([set, n]) => n !== sizeOf(set) || (sizeOf(set) > 0 && wasScaledForOther(deployment, set)))
    .map(([set, replicas]) => ({ set, replicas }));
}

/** True when a ReplicaSet has all the pods the Deployment wants, and all are available. */
function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  const desired = Number(set.metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN);
  return sizeOf(set) === wanted && desired === wanted && available(set) === wanted;
}

function proportional(deployment: Deployment, active: readonly ReplicaSet[]): ReadonlyMap<ReplicaSet, number> {
  const wanted = deployment.spec.replicas ?? 1;
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const toAdd = allowed - total(active);
  const sizes = new Map<ReplicaSet, number>();
  if (toAdd === 0) return sizes;
  // Largest first; of equals the newest first when growing, the oldest first when shrinking.
  const order = [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  for (const set of order) {
    const left = toAdd - added;
    const share = shareOf(deployment, set);
    const step = toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
    sizes.set(set, sizeOf(set) + step);
    added += step;
  }
  const first = order[0];
  if (first) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + toAdd - added));
  return sizes;
}

/** How much a ReplicaSet would grow (or shrink, negative) if all grew alike. */
function shareOf(deployment: Deployment, set: ReplicaSet): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (wanted === 0) return -sizeOf(set);
  const before = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((sizeOf(set) * (wanted + maxSurge(deployment))) / before) - sizeOf(set);
}
