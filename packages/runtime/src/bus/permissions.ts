import { BUCKET, SUBJECTS } from '@svclab/core';
import { inboxPrefix } from './inbox.ts';

/** What a process is on the bus. */
export type BusRole = 'controller' | 'node-agent' | 'pod-host' | 'l2-announcer' | 'dns' | 'supervisor';

/** One user of the bus: one process. */
export interface BusUser {
  readonly role: BusRole;
  /** Host the process runs on. */
  readonly host: string;
  /** For instance `node-agent@node-1`. */
  readonly user: string;
  readonly password: string;
}

/** What a nats-server of a lab is started with. */
export interface NatsConfigOptions {
  /** `ip:port` */
  readonly listen: string;
  /** Directory of JetStream's files; kept over restarts. */
  readonly storeDir: string;
  readonly users: readonly BusUser[];
  /** Name among the servers (default `nats-1`). */
  readonly serverName?: string;
  /** Peers, when there are several servers: they then keep the store on all of them. */
  readonly cluster?: NatsClusterOptions;
  /** `ip:port` of the HTTP monitoring endpoint (`/healthz`); none by default. It asks for no password: give an address only health checks reach. */
  readonly monitor?: string;
}

/** How the servers of a lab find each other. */
export interface NatsClusterOptions {
  /** Name of the cluster; the same on all. */
  readonly name: string;
  /** `ip:port` for the other servers. */
  readonly listen: string;
  /** `ip:port` of every server's `listen`; its own may be among them. */
  readonly routes: readonly string[];
  /** What the servers know each other by. */
  readonly user: string;
  readonly password: string;
}

/** Subjects a user may publish to and subscribe to. */
export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const STREAM = `KV_${BUCKET}`;

/**
 * What every process needs that keeps a copy of the store: to look at the stream, make a consumer of its own, and pace it;
 * and to read messages one by one while no consumer can be made.
 */
const READ_STORE = [
  `$JS.API.DIRECT.GET.${STREAM}`,
  `$JS.API.STREAM.INFO.${STREAM}`,
  `$JS.API.CONSUMER.CREATE.${STREAM}.*.$KV.${BUCKET}.>`,
  `$JS.FC.${STREAM}.>`,
];

/** What the one writer needs besides. */
const WRITE_STORE = [
  `$KV.${BUCKET}.>`,
  `$JS.API.STREAM.CREATE.${STREAM}`,
  `$JS.API.STREAM.MSG.GET.${STREAM}`,
  `$JS.API.STREAM.PURGE.${STREAM}`,
];

/** Who sends requests: the controller answers on their inboxes. */
const ASKING: readonly BusRole[] = ['node-agent', 'l2-announcer'];

/**
 * Least rights per role. Nobody but the supervisor, which starts everybody, reads another's inbox. The controller may answer those who ask
 * by name, not by `allow_responses`: a server that reads its configuration anew forgets whom it let answer, and the answer is lost.
 * @param users all users of the bus
 */
export function busPermissions(
  user: Pick<BusUser, 'role' | 'host' | 'user'>,
  users: readonly Pick<BusUser, 'role' | 'user'>[],
): BusPermissions {
  const { host, role } = user;
  const inbox = inboxOf(user);
  const timeline = SUBJECTS.timeline(host, role);
  const all = SUBJECTS.all;
  switch (role) {
    case 'controller':
      return {
        publish: [
          ...READ_STORE,
          ...WRITE_STORE,
          timeline,
          ...users.filter((u) => ASKING.includes(u.role)).map(inboxOf),
        ],
        subscribe: [inbox, all.heartbeat, all.programmed, all.report, all.announcerReport, all.dnsHeartbeat],
      };
    case 'node-agent':
      return {
        publish: [...READ_STORE, SUBJECTS.heartbeat(host), SUBJECTS.programmed(host), SUBJECTS.report(host), timeline],
        // A pod that ends keeps serving until every node's rules have let go of it.
        subscribe: [inbox, all.programmed, all.heartbeat],
      };
    case 'l2-announcer':
      return {
        publish: [...READ_STORE, SUBJECTS.announcerReport(host), timeline],
        subscribe: [inbox],
      };
    case 'dns':
      return { publish: [...READ_STORE, SUBJECTS.dnsHeartbeat(host), timeline], subscribe: [inbox] };
    case 'pod-host':
      return { publish: [timeline], subscribe: [inbox] };
    case 'supervisor':
      // It reads the leader's lease, and follows nothing else of the store.
      return { publish: [`$JS.API.DIRECT.GET.${STREAM}`, SUBJECTS.all.timeline.replace('*.*', '>')], subscribe: ['>'] };
  }
}

function inboxOf({ user }: Pick<BusUser, 'user'>): string {
  return `${inboxPrefix(user)}.>`;
}

/**
 * The text of nats.conf: JetStream on disk, one user per process, no monitoring port unless asked for. Holds the passwords: write it with mode 0600.
 * Understood by nats-server 2.9 and newer. Fails with an Error naming a value that could not be written literally.
 */
export function natsConfig(options: NatsConfigOptions): string {
  const lines = [
    `listen: ${quote(options.listen)}`,
    `server_name: ${quote(options.serverName ?? 'nats-1')}`,
    'max_payload: 1MB',
    // A client that went silent (a stopped process, a cut link) is dropped after 6 s and its messages with it.
    'ping_interval: "2s"',
    'ping_max: 2',
    ...(options.monitor === undefined ? [] : [`http: ${quote(options.monitor)}`]),
    ...(options.cluster === undefined ? [] : clusterLines(options.cluster)),
    'jetstream {',
    `  store_dir: ${quote(options.storeDir)}`,
    '  max_memory_store: 64MB',
    '  max_file_store: 4GB',
    '}',
    'authorization {',
    '  users: [',
    ...options.users.flatMap((user) => userLines(user, options.users)),
    '  ]',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function clusterLines({ name, listen, routes, user, password }: NatsClusterOptions): string[] {
  return [
    'cluster {',
    `  name: ${quote(name)}`,
    `  listen: ${quote(listen)}`,
    // Clients know all servers from lab.json; what a server believes its addresses to be need not be reachable for them.
    '  no_advertise: true',
    `  authorization { user: ${quote(user)}, password: ${quote(password)}, timeout: 2 }`,
    `  routes: [${routes.map((at) => quote(`nats-route://${user}:${password}@${at}`)).join(', ')}]`,
    '}',
  ];
}

function userLines(user: BusUser, users: readonly BusUser[]): string[] {
  const { publish, subscribe } = busPermissions(user, users);
  return [
    '    {',
    `      user: ${quote(user.user)}`,
    `      password: ${quote(user.password)}`,
    '      permissions: {',
    `        publish: { allow: [${publish.map(quote).join(', ')}] }`,
    `        subscribe: { allow: [${subscribe.map(quote).join(', ')}] }`,
    '      }',
    '    }',
  ];
}

function quote(text: string): string {
  if (!/^[A-Za-z0-9 _@.:/$*>=,+~-]+$/.test(text))
    throw new Error(`Value cannot stand in nats.conf: ${JSON.stringify(text)}: use letters, digits and _@.:/$*>=,+~-`);
  return `"${text}"`;
}
