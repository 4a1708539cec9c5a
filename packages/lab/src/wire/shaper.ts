/**
 * What an interface sends, shaped by traffic control: rate by HTB with token buckets, delay by netem where the kernel has it.
 *
 *     root htb ─ class of the whole interface ─┬─ default ─ [netem] ─ [tbf]
 *                                              └─ one per peer ─ [netem] ─ [tbf]
 *
 * The token bucket below each class has the same rate as the class: it cuts segments of 64 KiB up into frames, which the class would pass
 * on in one piece. A frame that finds the queue full is lost (tail drop), as on a router's port.
 */

/** One impairment of an interface's egress. */
export interface Shaping {
  /** Frames of one peer; undefined: all. */
  readonly peer?: Peer;
  /** bit/s */
  readonly rate?: number;
  readonly delay?: Delay;
}

/** Delay of each frame, drawn evenly from delay - jitter to delay + jitter. ms */
export interface Delay {
  readonly ms: number;
  readonly jitterMs: number;
}

/** Frames from or to a hardware address. */
export interface Peer {
  readonly end: 'src' | 'dst';
  readonly address: string;
}

/** Rate of a class that is not to be limited, bit/s. */
const UNLIMITED = 100e9;
/** What may go out at once, at least two full frames. */
const BURST_MS = 5;
const BURST_MIN = 3200;
/** What a queue holds: so many milliseconds of the rate, at least ten full frames. */
const QUEUE_MS = 100;
const QUEUE_MIN = 15_140;
/** A class borrows what it needs from the interface's; this share is its own, bit/s. */
const OWN_RATE = 8000;
/** Frames that netem holds at most. */
const NETEM_LIMIT = 100_000;

/** Bytes a token bucket of a rate may send at once, and bytes it queues. */
export function tokenBucket(rate: number): { readonly burst: number; readonly limit: number } {
  const bytesPerMs = rate / 8000;
  const burst = Math.max(BURST_MIN, Math.ceil(bytesPerMs * BURST_MS));
  return { burst, limit: burst + Math.max(QUEUE_MIN, Math.ceil(bytesPerMs * QUEUE_MS)) };
}

/** Arguments of `tc` that take an interface's queues away, and what waits in them; fails where there are none. */
export function shaperReset(device: string): readonly string[] {
  return ['qdisc', 'del', 'dev', device, 'root'];
}

/**
 * Lines for `tc -batch -` that make the egress of an interface without queues what these impairments make it together: the smallest rate
 * counts, delays add up. None for no impairments.
 */
export function shaperLines(device: string, shapings: readonly Shaping[], exempt?: Peer): readonly string[] {
  if (shapings.length === 0) return [];
  const all = combine(shapings.filter((s) => s.peer === undefined));
  const peers = peersOf(shapings);
  return [
    `qdisc add dev ${device} root handle 1: htb default 1`,
    classLine(device, '1:', '1:ffff', all.rate ?? UNLIMITED, all.rate ?? UNLIMITED),
    ...leaf(device, 1, all, all.rate),
    ...(exempt
      ? [
          classLine(device, '1:', '1:2', UNLIMITED, UNLIMITED),
          `filter add dev ${device} parent 1: protocol all prio 1 u32 match ether ${exempt.end} ${exempt.address} flowid 1:2`,
        ]
      : []),
    ...peers.flatMap((peer, i) => {
      const own = combine([...shapings.filter((s) => isOf(s, peer)), all]);
      const minor = 0x10 + i;
      return [
        ...leaf(device, minor, own, all.rate),
        `filter add dev ${device} parent 1: protocol all prio 2 u32 match ether ${peer.end} ${peer.address} flowid 1:${minor.toString(16)}`,
      ];
    }),
  ];
}

/** Lines that let go at once what waits for its rate, before the queues are taken away. Delayed frames stay until they are due. */
export function drain(device: string, shapings: readonly Shaping[]): readonly string[] {
  const all = combine(shapings.filter((s) => s.peer === undefined));
  const peers = peersOf(shapings);
  const rates = [
    { minor: 1, rate: all.rate },
    ...peers.map((peer, i) => ({
      minor: 0x10 + i,
      rate: combine([...shapings.filter((s) => isOf(s, peer)), all]).rate,
    })),
  ].filter((r) => r.rate !== undefined);
  if (rates.length === 0) return [];
  return [
    `class change dev ${device} parent 1: classid 1:ffff htb ${htb(UNLIMITED, UNLIMITED)}`,
    ...rates.flatMap(({ minor }) => [
      `class change dev ${device} parent 1:ffff classid 1:${minor.toString(16)} htb ${htb(UNLIMITED, UNLIMITED)}`,
      `qdisc change dev ${device} handle ${bucketHandle(minor)}: tbf ${tbf(UNLIMITED)}`,
    ]),
  ];
}

const isOf = (shaping: Shaping, peer: Peer): boolean =>
  shaping.peer?.address === peer.address && shaping.peer.end === peer.end;

/** The peers that are told apart, each once, in the order they were named. */
function peersOf(shapings: readonly Shaping[]): readonly Peer[] {
  const named = shapings.flatMap((s) => s.peer ?? []);
  return named.filter((p, i) => named.findIndex((q) => q.address === p.address && q.end === p.end) === i);
}

/** Several impairments of the same frames as one. */
function combine(shapings: readonly Shaping[]): Pick<Shaping, 'rate' | 'delay'> {
  const rates = shapings.flatMap((s) => s.rate ?? []);
  const delays = shapings.flatMap((s) => s.delay ?? []);
  const sum = (of: 'ms' | 'jitterMs'): number => delays.reduce((total, d) => total + d[of], 0);
  return {
    ...(rates.length === 0 ? {} : { rate: Math.min(...rates) }),
    ...(delays.length === 0 ? {} : { delay: { ms: sum('ms'), jitterMs: sum('jitterMs') } }),
  };
}

function leaf(
  device: string,
  minor: number,
  { rate, delay }: ReturnType<typeof combine>,
  whole: number | undefined,
): string[] {
  const id = `1:${minor.toString(16)}`;
  const lines = [classLine(device, '1:ffff', id, Math.min(OWN_RATE, rate ?? OWN_RATE), rate ?? whole ?? UNLIMITED)];
  let parent = id;
  if (delay) {
    const handle = (0x100 + minor).toString(16);
    const jitter = delay.jitterMs > 0 ? ` ${delay.jitterMs}ms` : '';
    lines.push(
      `qdisc add dev ${device} parent ${parent} handle ${handle}: netem delay ${delay.ms}ms${jitter} limit ${NETEM_LIMIT}`,
    );
    parent = `${handle}:1`;
  }
  if (rate !== undefined)
    lines.push(`qdisc add dev ${device} parent ${parent} handle ${bucketHandle(minor)}: tbf ${tbf(rate)}`);
  return lines;
}

function bucketHandle(minor: number): string {
  return (0x200 + minor).toString(16);
}

function classLine(device: string, parent: string, id: string, rate: number, ceil: number): string {
  return `class add dev ${device} parent ${parent} classid ${id} htb ${htb(rate, ceil)}`;
}

function htb(rate: number, ceil: number): string {
  const { burst } = tokenBucket(ceil);
  return `rate ${Math.round(rate)}bit ceil ${Math.round(ceil)}bit burst ${burst} cburst ${burst} quantum 15140`;
}

function tbf(rate: number): string {
  const { burst, limit } = tokenBucket(rate);
  return `rate ${Math.round(rate)}bit burst ${burst} limit ${limit}`;
}
