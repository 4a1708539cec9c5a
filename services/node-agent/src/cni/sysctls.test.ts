import { describe, expect, it } from 'vitest';
import { setSysctls, wantedSysctls } from './sysctls.ts';

describe('sysctls', () => {
  it('cover the LAN interface', () => {
    expect(wantedSysctls(['eth1'])).toContainEqual(['net/ipv4/conf/eth1/rp_filter', 0]);
  });

  it.each<[string, Record<string, string>, boolean, string[], string[]]>([
    ['what is right is not written', { a: '1' }, true, [], []],
    ['what differs is written', { a: '0' }, true, ['a=1'], []],
    ['what cannot be written is told', { a: '0' }, false, ['a=1'], ['a is 0, not 1']],
    ['what is missing is told', {}, false, ['a=1'], ['a is missing, not 1']],
    ['read-only, but preset: nothing to tell', { a: '1' }, false, [], []],
  ])('%s', (_, present, writable, written, told) => {
    const writes: string[] = [];
    const access = {
      read: (path: string) => present[path],
      write: (path: string, value: number) => {
        writes.push(`${path}=${value}`);
        return writable;
      },
    };
    expect(setSysctls([['a', 1]], access)).toEqual(told);
    expect(writes).toEqual(written);
  });
});
