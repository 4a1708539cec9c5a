const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** Milliseconds of `500ms`, `1.5s`, `2m`, or a number of milliseconds. Fails when it is neither. */
export function milliseconds(duration: string | number): number {
  if (typeof duration === 'number') return duration;
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m)\s*$/.exec(duration);
  const unit = UNITS[match?.[2] ?? ''];
  if (!match || unit === undefined)
    throw new Error(`Duration "${duration}" is not understood: give one such as 500ms, 1.5s, 2m`);
  return Number(match[1]) * unit;
}
