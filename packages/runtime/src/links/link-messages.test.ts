import { describe, expect, it } from 'vitest';
import { changedInterfaces } from './link-messages.ts';

/** One message: type, interface index, bytes after the fixed part. */
function message(type: number, index: number, more = 0): number[] {
  const bytes = new Uint8Array(24 + more);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setInt32(20, index, true);
  return [...bytes, ...Array((4 - (bytes.length % 4)) % 4).fill(0)];
}

describe('changedInterfaces()', () => {
  it.each<[string, number[], number[]]>([
    ['nothing', [], []],
    ['a link that came, one that went', [...message(16, 7, 9), ...message(17, 8)], [7, 8]],
    ['addresses', [...message(20, 3, 2), ...message(21, 300)], [3, 300]],
    ['other messages are passed over', [...message(24, 5), ...message(16, 6)], [6]],
    ['a message cut short', message(16, 7).slice(0, 20), []],
    ['a length of nothing', [...Array(16).fill(0), ...message(16, 6)], []],
  ])('%s', (_, bytes, expected) => {
    expect(changedInterfaces(Uint8Array.from(bytes))).toEqual(expected);
  });
});
