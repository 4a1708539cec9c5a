import { describe, expect, it } from 'vitest';
import type { KubeEvent } from '../../api/core.ts';
import { adoptEvent, countedEvent, isEventExpired, makeEvent, recountedEvent } from './event.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const about = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u', resourceVersion: '7' };
const detail = { type: 'Normal', reason: 'Scheduled', message: 'Assigned' } as const;
const source = { component: 'default-scheduler' };

describe('makeEvent', () => {
  const event = makeEvent(about, detail, source, NOW);
  it('is named after its object and what it says', () => {
    expect(event.metadata.name).toMatch(/^web-1\.[0-9a-f]{16}$/);
    expect(event.metadata.namespace).toBe('shop');
    expect(event).toMatchObject({
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      reportingComponent: 'default-scheduler',
    });
  });
  it.each([
    [
      'said again later, of a newer version',
      makeEvent({ ...about, resourceVersion: '8' }, detail, source, NOW + 5000),
      true,
    ],
    ['said of another object', makeEvent({ ...about, uid: 'v' }, detail, source, NOW), false],
    ['another message', makeEvent(about, { ...detail, message: 'Other' }, source, NOW), false],
    ['said by another', makeEvent(about, detail, { component: 'x' }, NOW), false],
  ])('%s has the same name: %#', (_name, other, same) => {
    expect(other.metadata.name === event.metadata.name).toBe(same);
  });
  it('goes to default for what has no namespace', () => {
    expect(makeEvent({ kind: 'Node', name: 'n1' }, detail, source, NOW).metadata.namespace).toBe('default');
  });
});

describe('counting', () => {
  const stored = makeEvent(about, detail, source, NOW);
  it('adds up and moves the last time on', () => {
    const next = countedEvent(stored, makeEvent(about, detail, source, NOW + 60_000), 3);
    expect([next.count, next.firstTimestamp, next.lastTimestamp]).toEqual([
      4,
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:01:00Z',
    ]);
  });
  it('takes over the count of a reporter that counts itself, and nothing older', () => {
    const reported: KubeEvent = { ...stored, metadata: { name: 'web-1.abc' }, count: 5 };
    const adopted = adoptEvent(reported, 'node-1', NOW);
    expect(adopted.metadata).toEqual({ name: 'web-1.abc', namespace: 'shop' });
    expect(recountedEvent(stored, adopted).count).toBe(5);
    expect(recountedEvent({ ...stored, count: 6 }, adopted)).toMatchObject({ count: 6 });
  });
  it('names what a reporter did not name', () => {
    const { metadata: _m, count: _c, ...bare } = stored;
    const adopted = adoptEvent({ ...bare, metadata: { name: '' } }, 'node-1', NOW);
    expect(adopted).toMatchObject({ count: 1, source: { component: 'default-scheduler', host: 'node-1' } });
    expect(adopted.metadata.name).toMatch(/^web-1\./);
  });
});

describe('isEventExpired', () => {
  it.each([
    [3_600_000, false],
    [3_600_001, true],
  ])('%i ms after it last happened', (ms, expected) => {
    expect(isEventExpired(makeEvent(about, detail, source, NOW), 3_600_000, NOW + ms)).toBe(expected);
  });
});
