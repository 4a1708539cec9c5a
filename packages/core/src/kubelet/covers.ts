/** Whether what is stored shows what was reported. */

/**
 * True when every member of `wanted` is found in `actual`: objects may have further members there; lists of objects with a `type`
 * (conditions) or a `name` are matched by it, other lists must be equal. `lastHeartbeatTime` does not count.
 */
export function covers(actual: unknown, wanted: unknown): boolean {
  // The store drops what is null.
  if (wanted === null) return actual === null || actual === undefined;
  if (typeof wanted !== 'object') return Object.is(actual, wanted);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(wanted)) return Array.isArray(actual) && listCovers(actual, wanted);
  return Object.entries(wanted).every(
    ([key, value]) =>
      key === 'lastHeartbeatTime' || value === undefined || covers((actual as Record<string, unknown>)[key], value),
  );
}

function listCovers(actual: readonly unknown[], wanted: readonly unknown[]): boolean {
  const label = identity(wanted[0]);
  if (label === undefined)
    return actual.length === wanted.length && wanted.every((item, index) => covers(actual[index], item));
  return wanted.every((item) => {
    const value = (item as Record<string, unknown>)[label];
    return covers(
      actual.find((a) => typeof a === 'object' && a !== null && (a as Record<string, unknown>)[label] === value),
      item,
    );
  });
}

function identity(item: unknown): 'type' | 'name' | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  if ('type' in item) return 'type';
  return 'name' in item ? 'name' : undefined;
}
