import { describe, expect, it } from 'vitest';
import { type LogLine, LogRing } from './log-ring.ts';

const fill = (ring: LogRing, n: number): void => {
  for (let i = 0; i < n; i++) ring.append({ wallMs: i, line: `line ${i}` });
};
const texts = (lines: LogLine[]): string[] => lines.map((l) => l.line);

describe('LogRing', () => {
  it('reads all, the tail, since an instant, and both', () => {
    const ring = new LogRing();
    fill(ring, 5);
    expect(ring.read()).toHaveLength(5);
    expect(texts(ring.read({ tail: 2 }))).toEqual(['line 3', 'line 4']);
    expect(ring.read({ tail: 0 })).toEqual([]);
    expect(ring.read({ tail: 99 })).toHaveLength(5);
    expect(texts(ring.read({ sinceWallMs: 3 }))).toEqual(['line 3', 'line 4']);
    expect(texts(ring.read({ sinceWallMs: 3, tail: 1 }))).toEqual(['line 4']);
  });

  it('drops the oldest lines beyond its capacity and keeps at least the last', () => {
    const ring = new LogRing(4000);
    fill(ring, 10_000);
    const held = ring.read();
    expect(held.length).toBeLessThan(120);
    expect(held.at(-1)?.line).toBe('line 9999');
    ring.append({ wallMs: 1, line: 'x'.repeat(9000) });
    expect(ring.read()).toHaveLength(1);
  });

  it('hands new lines to followers until it closes', () => {
    const ring = new LogRing();
    const seen: (string | undefined)[] = [];
    const stop = ring.follow((l) => seen.push(l?.line));
    ring.append({ wallMs: 1, line: 'a' });
    ring.follow((l) => seen.push(l ? `second ${l.line}` : undefined));
    stop();
    ring.append({ wallMs: 2, line: 'b' });
    ring.close();
    ring.follow((l) => seen.push(l?.line ?? 'ended'));
    expect(seen).toEqual(['a', 'second b', undefined, 'ended']);
  });
});
