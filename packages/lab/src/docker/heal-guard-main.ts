/** Program of the guard ({@link startHealGuard}): waits, then heals one fault, trying again while the lab does not answer. */
import { systemClock } from '@svclab/runtime';
import { connectDockerLab } from './connect-docker.ts';
import { BEGIN, DISARM, type GuardOrder } from './heal-guard.ts';

/** How long after a failure it tries again, and for how long in all, ms. */
const RETRY_MS = 1000;
const GIVE_UP_MS = 120_000;

const clock = systemClock;
const order = JSON.parse(process.argv[2] ?? '{}') as GuardOrder;

/** Resolves with why it is time; undefined: there is nothing to do. */
function due(): Promise<string | undefined> {
  return new Promise((resolve) => {
    let told = '';
    let cancel = (): void => {};
    const count = (): void => {
      cancel();
      if (order.afterMs !== undefined) cancel = clock.after(order.afterMs, () => resolve('its duration is over'));
    };
    count();
    process.stdin.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (chunk.toString().includes(BEGIN.trim())) count();
    });
    process.stdin.on('error', () => {});
    process.stdin.on('end', () => {
      if (told.includes(DISARM.trim())) resolve(undefined);
      else if (order.withParent) resolve('its session has ended');
      else if (order.afterMs === undefined) resolve(undefined);
    });
  });
}

/** One try. False: the lab could not be asked. */
async function heal(cause: string): Promise<boolean> {
  try {
    const lab = await connectDockerLab(order.root, order.lab);
    try {
      const { faults } = await lab.service.listFaults({});
      if (faults.some((f) => f.id === order.id)) await lab.service.healFaults({ which: [order.id], cause });
      return true;
    } finally {
      lab.close();
    }
  } catch {
    return false;
  }
}

const cause = await due();
const until = clock.now() + GIVE_UP_MS;
while (cause !== undefined && clock.now() < until && !(await heal(cause)))
  await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
process.exit(0);
