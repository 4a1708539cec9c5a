/** Makes and heals what is done to an interface's queue: rate, and delay by netem. */
import { badInput } from '../state/errors.ts';
import { type Direction, type Flow, flowsOf, interfaceOf, type Network, type Place, portOf } from './flow.ts';
import { type Applied, addressOf, deviceOf, type Ground, may, must, type Where } from './ground.ts';
import { drain, type Peer, type Shaping, shaperLines, shaperReset } from './shaper.ts';

/** What is to happen to the frames of a place. */
export interface Shape {
  readonly place: Place;
  readonly network: Network;
  readonly direction: Direction;
  readonly shaping: Omit<Shaping, 'peer'>;
}

/** The supervisor's hardware address on the control network (driver/network.ts): what it sends is never shaped. */
export const SUPERVISOR_ADDRESS = '02:73:76:63:00:02';

/** How long what waits may take to leave before queues are taken away, ms. */
const DRAIN_MS = 20;

/** An interface whose queue is changed. */
interface Device {
  readonly where: Where;
  readonly name: string;
  readonly exempt?: Peer;
}

/** An interface, and the host whose frames on it are meant; without one, all are. */
interface Sending extends Device {
  readonly peer?: { readonly end: Peer['end']; readonly host: string };
}

/** Per lab, per interface: what each fault wants of it. Several faults share one tree of classes. */
const wanted = new WeakMap<object, Map<string, Map<string, Shaping>>>();
/** Per lab: changes are made one after another. */
const turns = new WeakMap<object, Promise<unknown>>();

/**
 * Which interface sends a flow's frames. On the bridges the receiver's port, where the sender can be told by its address; for all that a
 * host sends, the host's own. In Docker the sender's own.
 */
export function sending({ from, to }: Flow, network: Network, driver: Ground['driver'], own: string): Sending {
  const exempt = (end: Peer['end']): { exempt?: Peer } =>
    network === 'control' && driver === 'netns' ? { exempt: { end, address: SUPERVISOR_ADDRESS } } : {};
  if (to !== undefined && driver === 'netns')
    return {
      where: undefined,
      name: portOf(to, network),
      ...exempt('src'),
      ...(from === undefined ? {} : { peer: { end: 'src', host: from } }),
    };
  return {
    where: from,
    name: own,
    ...exempt('dst'),
    ...(to === undefined ? {} : { peer: { end: 'dst', host: to } }),
  };
}

async function sendingNow(ground: Ground, flow: Flow, network: Network): Promise<Sending> {
  const own = flow.from === undefined ? '' : await deviceOf(ground, flow.from, network);
  return sending(flow, network, ground.driver, own);
}

/** The commands, if nothing else shapes the interfaces. */
export function planShape({ direction, network, place, shaping }: Shape, ground: Ground): readonly string[] {
  return flowsOf(place, direction).flatMap((flow) => planFlow(flow, network, shaping, ground));
}

export function planFlow(
  flow: Flow,
  network: Network,
  shaping: Shape['shaping'],
  { driver }: Pick<Ground, 'driver'>,
): readonly string[] {
  const { exempt, name, peer, where } = sending(
    flow,
    network,
    driver,
    driver === 'netns' ? interfaceOf(network) : 'INTERFACE',
  );
  const wants =
    peer === undefined ? shaping : { ...shaping, peer: { end: peer.end, address: `ADDRESS-OF-${peer.host}` } };
  const prefix = where === undefined ? '' : `on ${where}: `;
  return shaperLines(name, [wants], exempt).map((line) => `${prefix}tc ${line}`);
}

/** Shapes a place until it is healed. Fails with a LabError and has then changed nothing. */
export function shape({ direction, network, place, shaping }: Shape, ground: Ground): Promise<Applied> {
  return shapeFlows(flowsOf(place, direction), network, shaping, ground);
}

/** Shapes flows. Those of a host that is off are shaped when it is back. */
export async function shapeFlows(
  flows: readonly Flow[],
  network: Network,
  shaping: Shape['shaping'],
  ground: Ground,
): Promise<Applied> {
  for (const host of hostsOf(flows))
    if (!ground.lab.isUp(host)) throw badInput(`Host ${host} is down: its link cannot be changed`);
  const key = (flow: Flow): string => `${ground.id} ${flow.from ?? ''} ${flow.to ?? ''}`;
  // Where each flow was shaped: the names of interfaces may be others when a host is back.
  const shaped = new Map<string, Sending>();
  const make = (): Promise<void> =>
    inTurn(ground, async () => {
      for (const flow of flows) {
        if (!hostsOf([flow]).every((h) => ground.lab.isUp(h))) continue;
        const device = await sendingNow(ground, flow, network);
        const address = device.peer && (await addressOf(ground, device.peer.host, network));
        shaped.set(key(flow), device);
        await change(ground, device, (all) =>
          all.set(key(flow), {
            ...shaping,
            ...(device.peer && address ? { peer: { end: device.peer.end, address } } : {}),
          }),
        );
      }
    });
  const remove = (): Promise<void> =>
    inTurn(ground, async () => {
      for (const [name, device] of shaped) await change(ground, device, (all) => all.delete(name));
      shaped.clear();
    });
  try {
    await make();
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
    again: (host) => (hostsOf(flows).includes(host) ? make() : Promise.resolve()),
  };
}

function hostsOf(flows: readonly Flow[]): readonly string[] {
  return flows.flatMap(({ from, to }) => [from, to].filter((h) => h !== undefined));
}

/** Changes what is wanted of an interface and makes it so. Where the interface is gone, nothing is to be done. */
async function change(ground: Ground, device: Device, edit: (all: Map<string, Shaping>) => void): Promise<void> {
  const { exempt, name, where } = device;
  const devices = wanted.get(ground.lab) ?? new Map<string, Map<string, Shaping>>();
  wanted.set(ground.lab, devices);
  const id = `${where ?? ''} ${name}`;
  const all = devices.get(id) ?? new Map<string, Shaping>();
  devices.set(id, all);
  const before = [...all.values()];
  edit(all);
  if (where !== undefined && !ground.lab.isUp(where)) return;
  const leaving = drain(name, before);
  if (leaving.length > 0) {
    // Fails on an interface that was made anew, where nothing waits.
    await may(ground, where, ['tc', '-batch', '-'], lines(leaving));
    await new Promise<void>((resolve) => ground.clock.after(DRAIN_MS, resolve));
  }
  await may(ground, where, ['tc', ...shaperReset(name)]);
  const next = shaperLines(name, [...all.values()], exempt);
  if (next.length > 0) await must(ground, where, ['tc', '-batch', '-'], lines(next));
}

const lines = (of: readonly string[]): string => `${of.join('\n')}\n`;

async function inTurn(ground: Ground, fn: () => Promise<void>): Promise<void> {
  const before = turns.get(ground.lab) ?? Promise.resolve();
  const done = before.then(fn, fn);
  turns.set(
    ground.lab,
    done.catch(() => {}),
  );
  await done;
}
