/** Makes and heals a rate. */
import { type Direction, type Flow, flowsOf, type Network, type Place, placeName } from './flow.ts';
import type { Applied, Ground } from './ground.ts';
import { containerEnds, flowsInContainers, planFlowsInContainers } from './lose.ts';
import { containerPolicing } from './loss.ts';
import { planFlow, shapeFlows } from './shape.ts';

/** The rate frames of a place may have, each way. */
export interface Rate {
  readonly place: Place;
  readonly network: Network;
  readonly direction: Direction;
  /** bit/s */
  readonly rate: number;
}

/** Flows that wait in the sender's queue, and those that are policed where they come in because the sender has no say. */
function split(wish: Rate, ground: Ground): { shaped: readonly Flow[]; policed: readonly Flow[] } {
  const flows = flowsOf(wish.place, wish.direction);
  if (ground.driver === 'netns') return { shaped: flows, policed: [] };
  const sends = ({ from }: Flow): boolean =>
    from !== undefined &&
    ground.config.hosts.some((h) => h.name === from && (h.role === 'node' || h.role === 'client'));
  return { shaped: flows.filter(sends), policed: flows.filter((f) => !sends(f)) };
}

/** The commands. */
export function planRate(wish: Rate, ground: Ground): readonly string[] {
  const { shaped, policed } = split(wish, ground);
  const { network, place, rate } = wish;
  return [
    ...shaped.flatMap((flow) => planFlow(flow, network, { rate }, ground)),
    ...planFlowsInContainers(containerEnds(policed, ground), placeName(place), ground, (table, flow) =>
      containerPolicing(table, flow, rate),
    ),
  ];
}

/** Keeps a place to a rate until it is healed. Fails with a LabError and has then changed nothing. */
export async function limitRate(wish: Rate, ground: Ground): Promise<Applied> {
  const { network, place, rate } = wish;
  const { shaped, policed } = split(wish, ground);
  const policing = await flowsInContainers(
    containerEnds(policed, ground),
    placeName(place),
    network,
    ground,
    (table, flow) => containerPolicing(table, flow, rate),
  );
  let shaping: Applied;
  try {
    shaping = await shapeFlows(shaped, network, { rate }, ground);
  } catch (error) {
    await policing.heal();
    throw error;
  }
  return {
    atNs: ground.clock.nowNs(),
    async heal() {
      await policing.heal();
      return shaping.heal();
    },
    async again(host) {
      await policing.again?.(host);
      await shaping.again?.(host);
    },
  };
}
