/** Makes and heals delay, by whichever mechanism there is. */
import { badInput, environmentError } from '../state/errors.ts';
import { flowsOf } from './flow.ts';
import type { Applied, Ground } from './ground.ts';
import { type Hold, hold, planHold } from './hold.ts';
import { type DelayMechanism, delayMechanism } from './mechanism.ts';
import { planShape, shape } from './shape.ts';

/** The commands. */
export function planDelay(
  wish: Hold,
  ground: Ground,
  mechanism: () => DelayMechanism = delayMechanism,
): readonly string[] {
  return kindFor(ground, mechanism) === 'netem'
    ? planShape({ ...wish, shaping: netem(wish) }, ground)
    : planHold(wish, ground);
}

/** Delays a place's frames until it is healed. Fails with a LabError and has then changed nothing. */
export async function delay(
  wish: Hold,
  ground: Ground,
  mechanism: () => DelayMechanism = delayMechanism,
): Promise<Applied> {
  if (ground.driver === 'docker') return delayInContainers(wish, ground);
  switch (kindFor(ground, mechanism)) {
    case 'netem':
      return shape({ ...wish, shaping: netem(wish) }, ground);
    case 'user-space':
      return hold(wish, ground);
    default:
      throw environmentError(`Delay cannot be made: ${mechanism().reason}`);
  }
}

/** In Docker the kernel of the engine decides, and its error tells. */
function kindFor(ground: Ground, mechanism: () => DelayMechanism): DelayMechanism['kind'] {
  return ground.driver === 'docker' ? 'netem' : mechanism().kind;
}

function netem({ delayMs, jitterMs }: Hold) {
  return { delay: { ms: delayMs, jitterMs } };
}

/** A container delays what it sends, and only with netem: nothing else there may hold frames. */
async function delayInContainers(wish: Hold, ground: Ground): Promise<Applied> {
  for (const { from } of flowsOf(wish.place, wish.direction)) {
    const role = ground.config.hosts.find((h) => h.name === from)?.role;
    if (role !== 'node' && role !== 'client')
      throw badInput(
        from === undefined
          ? 'In Docker a host delays only what it sends: give --direction from, or a link, or use the netns driver'
          : `In Docker only nodes and clients may delay what they send, and ${from} may not: give the other direction, or use the netns driver`,
      );
  }
  try {
    return await shape({ ...wish, shaping: netem(wish) }, ground);
  } catch (error) {
    if (!/qdisc kind is unknown|No such file/.test((error as Error).message)) throw error;
    throw environmentError(
      'Delay cannot be made: the kernel under Docker has no netem; load the module sch_netem there, or use the netns driver, which delays in user space',
      error as Error,
    );
  }
}
