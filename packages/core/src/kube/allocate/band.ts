/** Where dynamic allocation looks first, so that values people choose themselves stay free. */
import type { Random } from '../../clock.ts';

/** A range of numbers whose lower part is kept for static use. Bounds are inclusive. */
export interface Bands {
  readonly first: number;
  readonly last: number;
  /** First number of the upper band, from which dynamic allocation takes first. */
  readonly dynamicFirst: number;
}

/** Service addresses as offsets into the range: min(max(16, size/16), 256) addresses are kept. Source: KEP-3070. */
export function clusterIpBands(size: number): Bands {
  const kept = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256);
  return { first: 1, last: size - 2, dynamicFirst: 1 + kept };
}

/** Node ports: min(max(16, size/32), 128) ports are kept. Source: KEP-3668. */
export function nodePortBands(min: number, max: number): Bands {
  const size = max - min + 1;
  const kept = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
  return { first: min, last: max, dynamicFirst: min + kept };
}

/**
 * A free number: the upper band is tried first, from a random place on, then the lower one.
 * Undefined when the range is full.
 */
export function pickFree(bands: Bands, random: Random, taken: (value: number) => boolean): number | undefined {
  return (
    scan(bands.dynamicFirst, bands.last, random, taken) ?? scan(bands.first, bands.dynamicFirst - 1, random, taken)
  );
}

function scan(first: number, last: number, random: Random, taken: (value: number) => boolean): number | undefined {
  const size = last - first + 1;
  if (size <= 0) return undefined;
  const start = Math.floor(random.next() * size);
  for (let i = 0; i < size; i += 1) {
    const value = first + ((start + i) % size);
    if (!taken(value)) return value;
  }
  return undefined;
}
