import { describe, expect, it } from 'vitest';
import { requireCapabilities } from './privileges.ts';

const status = (mask: string): string => `Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t${mask}\nSeccomp:\t2\n`;

describe('requireCapabilities', () => {
  it.each(['000001ffffffffff', '00000000a82435fb', '0000000000203400'])('is content with %s', (mask) => {
    expect(() => requireCapabilities(status(mask))).not.toThrow();
  });

  it.each([
    ['00000000a80425fb', 'lacks NET_ADMIN, SYS_ADMIN:'],
    ['0000000000000000', 'lacks NET_BIND_SERVICE, NET_ADMIN, NET_RAW, SYS_ADMIN:'],
    ['0000000000201400', 'lacks NET_RAW:'],
  ])('names what %s lacks', (mask, message) => {
    expect(() => requireCapabilities(status(mask))).toThrow(message);
  });
});
