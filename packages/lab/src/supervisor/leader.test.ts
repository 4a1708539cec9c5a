import { describe, expect, it } from 'vitest';
import { LeaderView } from './leader.ts';

const lab = (controllers: number) => ({
  hosts: Array.from({ length: controllers }, (_, i) => ({ name: `controller-${i + 1}`, role: 'controller' as const })),
});
const lease = (holderIdentity: string) => JSON.stringify({ spec: { holderIdentity } });

describe('LeaderView', () => {
  it.each([
    ['the only controller', 1, undefined, true, 'controller-1'],
    ['no controller that does not run', 1, undefined, false, ''],
    ['whose name the lease has', 3, lease('controller-2_6f0c'), true, 'controller-2'],
    ['nobody whose controller does not run', 3, lease('controller-2_6f0c'), false, ''],
    ['nobody when the lease was given up', 3, lease(''), true, ''],
    ['nobody when there is no lease', 3, '', true, ''],
    ['nobody when the holder is none of the lab', 3, lease('elsewhere_1'), true, ''],
    ['nobody when the store does not answer', 3, undefined, true, ''],
  ])('names %s', async (_, controllers, stored, running, host) => {
    const view = new LeaderView(lab(controllers));
    view.attach({
      request: async () => {
        if (stored === undefined) throw new Error('no answer');
        return Buffer.from(stored);
      },
    });
    expect(await view.host(() => running)).toBe(host);
  });

  it('names nobody before the store can be asked', async () => {
    expect(await new LeaderView(lab(3)).host(() => true)).toBe('');
  });
});
