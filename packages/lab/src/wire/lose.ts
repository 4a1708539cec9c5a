/** Makes and heals loss. */
import { badInput } from '../state/errors.ts';
import { type Direction, type Flow, flowsOf, type Network, type Place, placeName } from './flow.ts';
import { type Applied, addressOf, deviceOf, type Ground, may, nft } from './ground.ts';
import { bridgeLoss, type ContainerFlow, containerLoss, lossTable, removeTable } from './loss.ts';

/** Loss of a share of the frames of a place; 100 percent cuts it. */
export interface Loss {
  readonly place: Place;
  readonly network: Network;
  readonly direction: Direction;
  readonly percent: number;
}

/** Loses frames until it is healed. Fails with a LabError and has then changed nothing. */
export async function lose(loss: Loss, ground: Ground): Promise<Applied> {
  return ground.driver === 'netns' ? loseOnBridge(loss, ground) : loseInContainers(loss, ground);
}

/** The commands. */
export function planLoss(loss: Loss, ground: Ground): readonly string[] {
  const { direction, network, percent, place } = loss;
  const table = lossTable(ground.id, placeName(place));
  const flows = flowsOf(place, direction);
  if (ground.driver === 'netns') return [`nft -f - <<'EOF'\n${bridgeLoss(table, network, flows, percent)}EOF`];
  return planFlowsInContainers(containerEnds(flows, ground), placeName(place), ground, (name, flow) =>
    containerLoss(name, flow, percent),
  );
}

async function loseOnBridge({ direction, network, percent, place }: Loss, ground: Ground): Promise<Applied> {
  const table = lossTable(ground.id, placeName(place));
  await nft(ground, undefined, bridgeLoss(table, network, flowsOf(place, direction), percent));
  return {
    atNs: ground.clock.nowNs(),
    async heal() {
      await nft(ground, undefined, removeTable(`bridge ${table}`));
      return ground.clock.nowNs();
    },
  };
}

/** Where in Docker a flow is touched: on a container that may change its own rules, and which way the frames go there. */
export interface ContainerEnd {
  readonly host: string;
  readonly way: ContainerFlow['way'];
  readonly peer: string | undefined;
}

/** Roles of hosts whose containers have CAP_NET_ADMIN (compose/compose.yaml). */
const PRIVILEGED = ['node', 'client'];

/** The ends at which flows are touched; the receiver's rather than the sender's. Fails with a LabError where neither end may be changed. */
export function containerEnds(flows: readonly Flow[], { config }: Pick<Ground, 'config'>): readonly ContainerEnd[] {
  const may = (host: string | undefined): host is string =>
    config.hosts.some((h) => h.name === host && PRIVILEGED.includes(h.role));
  return flows.map(({ from, to }) => {
    if (may(to)) return { host: to, way: 'in', peer: from };
    if (may(from)) return { host: from, way: 'out', peer: to };
    throw badInput(
      `In Docker only nodes and clients may change their own packets, and ${[from, to].filter((h) => h !== undefined).join(' and ')} may not: give a link to one of them, take a container off its network with "docker network disconnect", or use the netns driver`,
    );
  });
}

/** A flow of a container with the names and addresses of now. */
export async function containerFlow(end: ContainerEnd, network: Network, ground: Ground): Promise<ContainerFlow> {
  const peer = end.peer === undefined ? undefined : await addressOf(ground, end.peer, network);
  if (end.peer !== undefined && peer === undefined)
    throw badInput(`Host ${end.peer} is down: its address cannot be told`);
  return {
    way: end.way,
    interface: await deviceOf(ground, end.host, network),
    ...(peer === undefined ? {} : { peer }),
  };
}

function loseInContainers({ direction, network, percent, place }: Loss, ground: Ground): Promise<Applied> {
  const ends = containerEnds(flowsOf(place, direction), ground);
  return flowsInContainers(ends, placeName(place), network, ground, (table, flow) =>
    containerLoss(table, flow, percent),
  );
}

type Script = (table: string, flow: ContainerFlow) => string;

const tableOf = (ground: Ground, place: string, { way }: ContainerEnd): string =>
  `${lossTable(ground.id, place)}-${way}`;

/** The commands of {@link flowsInContainers}. */
export function planFlowsInContainers(
  ends: readonly ContainerEnd[],
  place: string,
  ground: Ground,
  script: Script,
): readonly string[] {
  return ends.map((end) => {
    const peer = end.peer === undefined ? {} : { peer: `ADDRESS-OF-${end.peer}` };
    const flow = { way: end.way, interface: 'INTERFACE', ...peer };
    return `on ${end.host}: nft -f - <<'EOF'\n${script(tableOf(ground, place, end), flow)}EOF`;
  });
}

/** Gives each end a table of its own. Fails with a LabError and has then changed nothing. */
export async function flowsInContainers(
  ends: readonly ContainerEnd[],
  place: string,
  network: Network,
  ground: Ground,
  script: Script,
): Promise<Applied> {
  const make = async (end: ContainerEnd): Promise<void> => {
    await nft(ground, end.host, script(tableOf(ground, place, end), await containerFlow(end, network, ground)));
  };
  const remove = async (): Promise<void> => {
    // A container that is down has lost its rules with its namespace.
    for (const end of ends)
      if (ground.lab.isUp(end.host)) await nft(ground, end.host, removeTable(`netdev ${tableOf(ground, place, end)}`));
  };
  try {
    for (const end of ends) await make(end);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    atNs: ground.clock.nowNs(),
    async heal() {
      await remove();
      return ground.clock.nowNs();
    },
    async again(host) {
      for (const end of ends) if (end.host === host || end.peer === host) await make(end);
    },
  };
}

/** Takes away from a container what a supervisor that was killed left there. */
export async function sweepContainer(host: string, ground: Ground): Promise<void> {
  const { stdout } = await ground.run(host, ['nft', 'list', 'tables', 'netdev']);
  for (const line of stdout.split('\n')) {
    const table = /^table netdev (svclab-f\d+-\S+)$/.exec(line.trim())?.[1];
    if (table !== undefined) await nft(ground, host, removeTable(`netdev ${table}`));
  }
  for (const network of ['lan', 'control'] as const) {
    const device = await ground.lab.interfaceOn(host, network);
    if (device !== undefined) await may(ground, host, ['tc', 'qdisc', 'del', 'dev', device, 'root']);
  }
}
