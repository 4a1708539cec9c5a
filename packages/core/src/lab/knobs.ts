/**
 * Every timer and limit of a lab is a named knob. `realistic` holds the real components' defaults, `fast` is as quick as is safe here.
 * Set one with `--set membership.probeInterval=200ms` or in a lab file.
 */

/** What a knob's number means. */
export type KnobUnit = 'ms' | 'count' | 'ratio';

/** Definition of one knob. */
export interface KnobDefinition {
  readonly unit: KnobUnit;
  readonly realistic: number;
  readonly fast: number;
  /** Lowest and highest value accepted. */
  readonly min: number;
  readonly max: number;
  /** What it bounds, and whose default `realistic` is. */
  readonly doc: string;
}

const ms = (realistic: number, fast: number, doc: string, min = 1, max = 3_600_000): KnobDefinition => ({
  unit: 'ms',
  realistic,
  fast,
  min,
  max,
  doc,
});
const count = (realistic: number, fast: number, doc: string, min = 0, max = 1_000_000): KnobDefinition => ({
  unit: 'count',
  realistic,
  fast,
  min,
  max,
  doc,
});

/** All knobs. Names are `area.name`. */
export const KNOBS = {
  'membership.probeInterval': ms(1000, 28, 'Time between two probes of a member (memberlist ProbeInterval)'),
  'membership.probeTimeout': ms(500, 14, 'Wait for a direct ack before indirect probes (memberlist ProbeTimeout)'),
  'membership.indirectChecks': count(3, 3, 'Members asked to probe on our behalf (memberlist IndirectChecks)'),
  'membership.suspicionMult': count(
    4,
    3,
    'Suspicion lasts this x max(1, log10 n) x probeInterval (memberlist SuspicionMult)',
    1,
  ),
  'membership.suspicionMaxTimeoutMult': count(
    6,
    6,
    'Longest suspicion, as a multiple of the shortest (memberlist SuspicionMaxTimeoutMult)',
    1,
  ),
  'membership.retransmitMult': count(
    4,
    4,
    'Broadcasts are sent this x log10(n+1) times (memberlist RetransmitMult)',
    1,
  ),
  'membership.gossipInterval': ms(200, 10, 'Time between gossip rounds (memberlist GossipInterval)'),
  'membership.gossipNodes': count(3, 3, 'Members a gossip round goes to (memberlist GossipNodes)', 1),
  'membership.gossipToTheDeadTime': ms(30_000, 30_000, 'How long dead members still get gossip (memberlist)'),
  'membership.pushPullInterval': ms(30_000, 2000, 'Time between full state exchanges (memberlist PushPullInterval)'),
  'membership.awarenessMaxMultiplier': count(8, 8, 'Ceiling of the local health multiplier (memberlist, Lifeguard)', 1),
  'membership.rejoinInterval': ms(
    60_000,
    1000,
    'Time between attempts to join nodes that are no members (MetalLB speakerlist)',
  ),
  'announcer.garpInterval': ms(
    1100,
    1100,
    'Time between gratuitous rounds (MetalLB layer2 announcer; 1.1 s beats ARP locktime)',
  ),
  'announcer.garpDuration': ms(5000, 5000, 'How long rounds go on after the last trigger (MetalLB layer2 announcer)'),
  'node.heartbeatInterval': ms(10_000, 100, 'Time between node heartbeats (kubelet lease renewal)'),
  'node.monitorPeriod': ms(5000, 50, 'How often the node lifecycle controller looks (node-monitor-period)'),
  'node.monitorGracePeriod': ms(
    50_000,
    1500,
    'Silence after which a node is NotReady (node-monitor-grace-period, 50 s since 1.32)',
  ),
  'node.evictionToleration': ms(
    300_000,
    10_000,
    'How long pods stay on an unreachable node (default NoExecute toleration)',
  ),
  'proxy.minSyncPeriod': ms(1000, 10, 'Shortest time between two programmings of rules (kube-proxy minSyncPeriod)', 0),
  'proxy.syncPeriod': ms(30_000, 30_000, 'Time between full checks of the rules (kube-proxy syncPeriod)'),
  'endpoints.batchPeriod': ms(
    0,
    0,
    'Delay before slice changes are written (endpointslice controller batch period)',
    0,
  ),
  'dns.ttl': ms(5000, 5000, 'TTL of cluster DNS records (CoreDNS kubernetes plugin)', 0),
  'dns.heartbeatInterval': ms(1000, 200, 'Time between heartbeats of a DNS server'),
  'dns.grace': ms(5000, 700, 'Silence after which a DNS server leaves the kube-dns endpoints'),
  'pods.startupDelay': ms(0, 0, 'Extra time an emulated container takes to listen', 0),
  'pods.restartBackoffBase': ms(10_000, 200, 'First back-off of a crashing container (kubelet)'),
  'pods.restartBackoffMax': ms(300_000, 5000, 'Longest back-off of a crashing container (kubelet)'),
  'election.leaseDuration': ms(
    15_000,
    1200,
    'How long candidates respect a lease they do not see renewed (client-go LeaseDuration; kube-controller-manager leader-elect-lease-duration)',
    300,
  ),
  'election.renewDeadline': ms(
    10_000,
    900,
    'How long a leader that cannot renew goes on; less than the lease (client-go RenewDeadline)',
    200,
  ),
  'election.retryPeriod': ms(2000, 150, 'Time between tries to acquire or renew (client-go RetryPeriod)', 10),
  'events.ttl': ms(3_600_000, 3_600_000, 'How long Events are kept (kube-apiserver event-ttl)'),
} as const satisfies Record<string, KnobDefinition>;

/** Name of a knob. */
export type KnobName = keyof typeof KNOBS;

/** Every knob with its value, in the knob's unit. */
export type Knobs = Readonly<Record<KnobName, number>>;

/** A knob that does not exist or a value it does not take. */
export class KnobError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KnobError';
  }
}

/** Parses `200ms`, `1.5s`, `2m` or a bare number of milliseconds. Undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  if (!match) return undefined;
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 'ms'] ?? 1;
  return Number(match[1]) * factor;
}

/**
 * The knobs of a profile with single ones changed.
 * @param settings knob name -> text as the user wrote it
 * Fails with {@link KnobError} naming the knob, the value and what would be right.
 */
export function resolveKnobs(profile: 'realistic' | 'fast', settings: Readonly<Record<string, string>> = {}): Knobs {
  const result = Object.fromEntries(Object.entries(KNOBS).map(([name, d]) => [name, d[profile]])) as Record<
    KnobName,
    number
  >;
  for (const [name, text] of Object.entries(settings)) {
    if (!Object.hasOwn(KNOBS, name)) throw new KnobError(`Unknown knob "${name}": ${nearest(name)}`);
    const definition: KnobDefinition = KNOBS[name as KnobName];
    const value = definition.unit === 'ms' ? parseDuration(text) : Number(text);
    if (value === undefined || !Number.isFinite(value) || text.trim() === '')
      throw new KnobError(
        `Knob ${name} does not take "${text}": give ${definition.unit === 'ms' ? 'a duration such as 200ms or 1.5s' : 'a number'}`,
      );
    if (value < definition.min || value > definition.max)
      throw new KnobError(
        `Knob ${name} does not take "${text}": the range is ${definition.min} to ${definition.max} ${definition.unit}`,
      );
    result[name as KnobName] = value;
  }
  return result;
}

function nearest(name: string): string {
  const area = name.split('.')[0] ?? '';
  const same = Object.keys(KNOBS).filter((k) => k.startsWith(`${area}.`));
  return same.length > 0
    ? `the knobs of ${area} are ${same.join(', ')}`
    : `the areas are ${[...new Set(Object.keys(KNOBS).map((k) => k.split('.')[0]))].join(', ')}`;
}
