import { describe, expect, it } from 'vitest';
import { apiNetwork } from './compose-project.ts';

describe('apiNetwork', () => {
  it.each([
    ['172.30.0', '172.30.1', '172.30.2'],
    ['172.30.2', '172.30.1', '172.30.3'],
    ['10.0.0', '10.9.255', '10.9.0'],
  ])('LAN %s, control %s: %s', (lan, control, api) => {
    expect(apiNetwork(lan, control)).toBe(api);
  });
});
