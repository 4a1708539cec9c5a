import { execFileSync } from 'node:child_process';
import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import { createNetns, type Netns, withNetns } from '../netns/netns.ts';
import { interfaceIndex } from './interface-index.ts';
import { type LinkChange, watchLinks } from './link-watch.ts';

const ip = (ns: Netns, ...lines: string[]): void =>
  withNetns(ns, () => void execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` }));

describe('watchLinks()', () => {
  it('tells of links and addresses of its own namespace, by index', () => {
    const clock = fakeClock();
    const [here, elsewhere] = [createNetns(), createNetns()];
    const changes: LinkChange[] = [];
    const watch = withNetns(here, () => watchLinks({ clock, onChange: (change) => void changes.push(change) }));
    const indexOf = (name: string): number | undefined => withNetns(here, () => interfaceIndex(name));
    const next = (): LinkChange | undefined => {
      clock.advance(100);
      return changes.pop();
    };
    try {
      expect(next()).toBeUndefined();
      ip(elsewhere, 'link add lan0 type veth peer name other');
      expect(next()).toBeUndefined();

      ip(here, 'link add lan0 type veth peer name other');
      const first = indexOf('lan0');
      expect(next()?.indexes).toEqual(new Set([first, indexOf('other')]));
      ip(here, 'addr add 172.30.0.11/24 dev lan0');
      expect(next()).toEqual({ indexes: new Set([first]), lost: false });

      // The same name and address again, between two looks.
      ip(here, 'link del lan0', 'link add lan0 type veth peer name other', 'addr add 172.30.0.11/24 dev lan0');
      const second = indexOf('lan0');
      expect(second).not.toBe(first);
      const change = next();
      expect(change?.indexes).toContain(first);
      expect(change?.indexes).toContain(second);
      expect(indexOf('lan9')).toBeUndefined();
    } finally {
      watch.close();
      watch.close();
      here.close();
      elsewhere.close();
    }
    expect(clock.pending).toBe(0);
  });

  it('says so when the kernel had more to tell than it keeps', () => {
    const clock = fakeClock();
    const here = createNetns();
    const changes: LinkChange[] = [];
    const watch = withNetns(here, () => watchLinks({ clock, onChange: (change) => void changes.push(change) }));
    try {
      ip(here, 'link add lan0 type veth peer name other');
      const flips = Array.from({ length: 1000 }, (_, i) => `link set lan0 mtu ${1400 + (i % 2)}`);
      ip(here, ...flips);
      clock.advance(100);
      expect(changes.map((c) => c.lost)).toEqual([true]);
    } finally {
      watch.close();
      here.close();
    }
  });
});
