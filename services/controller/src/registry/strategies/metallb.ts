import { forbidden, type IPAddressPool, poolAddressProblem, poolOverlap, RESOURCES } from '@svclab/core';
import type { Strategy } from '../strategy.ts';
import { typed } from './typed.ts';

/** Name of the webhook that refuses pools in MetalLB; texts begin with it. */
const WEBHOOK = 'ipaddresspoolvalidationwebhook.metallb.io';

/** IPAddressPools: ranges must be right, and no two pools may share an address. */
export const poolStrategy: Strategy = typed<IPAddressPool>({
  generation: true,
  defaults: (pool) => ({
    ...pool,
    spec: { ...pool.spec, autoAssign: pool.spec?.autoAssign ?? true, avoidBuggyIPs: pool.spec?.avoidBuggyIPs ?? false },
  }),
  admit(pool, _old, { cache }) {
    const others = cache
      .list<IPAddressPool>(RESOURCES.ipaddresspools)
      .filter((p) => p.metadata.name !== pool.metadata.name || p.metadata.namespace !== pool.metadata.namespace);
    const problem = poolAddressProblem(pool) ?? poolOverlap(pool, others);
    if (problem) throw denied(pool.metadata.name, problem);
  },
});

function denied(name: string, problem: string): Error {
  return forbidden(
    RESOURCES.ipaddresspools,
    name,
    problem,
    `admission webhook "${WEBHOOK}" denied the request: ${problem}`,
  );
}

/** L2Advertisements. */
export const l2AdvertisementStrategy: Strategy = { generation: true };
