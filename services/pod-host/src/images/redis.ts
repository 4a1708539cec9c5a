import { type ContainerIdentity, type Image, tcpPorts, udpEcho } from './image.ts';
import { type Session, streamService } from './stream-server.ts';

/** Largest command held back until it is complete, bytes. */
const MAX_PENDING = 1 << 20;

/** Redis serialisation protocol, version 2. */
const simple = (text: string): string => `+${text}\r\n`;
const failure = (text: string): string => `-${text}\r\n`;
const integer = (n: number): string => `:${n}\r\n`;
const bulk = (text: string | undefined): string =>
  text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const array = (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;

/** What one redis container holds, shared by its connections. */
export class RedisStore {
  readonly identity: ContainerIdentity;
  readonly values = new Map<string, string>();
  constructor(identity: ContainerIdentity) {
    this.identity = identity;
  }
}

function info(store: RedisStore): string {
  const { pod, node, ip } = store.identity;
  return [
    '# Server',
    'redis_version:7.4.0',
    'redis_mode:standalone',
    'tcp_port:6379',
    `svclab_pod:${pod}`,
    `svclab_node:${node}`,
    `svclab_ip:${ip}`,
    '',
    '# Replication',
    'role:master',
    'connected_slaves:0',
    '',
    '# Keyspace',
    ...(store.values.size > 0 ? [`db0:keys=${store.values.size},expires=0,avg_ttl=0`] : []),
    '',
  ].join('\r\n');
}

type Command = (store: RedisStore, args: readonly string[]) => string;

/** Command -> [fewest arguments, most arguments, what it does]. */
const COMMANDS: Readonly<Record<string, readonly [number, number, Command]>> = {
  PING: [0, 1, (_s, [text]) => (text === undefined ? simple('PONG') : bulk(text))],
  ECHO: [1, 1, (_s, [text]) => bulk(text)],
  INFO: [0, 9, (s) => bulk(info(s))],
  GET: [1, 1, (s, [key = '']) => bulk(s.values.get(key))],
  SET: [
    2,
    8,
    (s, [key = '', value = '']) => {
      s.values.set(key, value);
      return simple('OK');
    },
  ],
  DEL: [1, 1000, (s, keys) => integer(keys.filter((key) => s.values.delete(key)).length)],
  EXISTS: [1, 1000, (s, keys) => integer(keys.filter((key) => s.values.has(key)).length)],
  INCR: [
    1,
    1,
    (s, [key = '']) => {
      const next = Number(s.values.get(key) ?? 0) + 1;
      if (!Number.isSafeInteger(next)) return failure('ERR value is not an integer or out of range');
      s.values.set(key, String(next));
      return integer(next);
    },
  ],
  DBSIZE: [0, 0, (s) => integer(s.values.size)],
  SELECT: [1, 1, () => simple('OK')],
  CLIENT: [1, 9, () => simple('OK')],
  COMMAND: [0, 9, () => array([])],
};

/** The answer to one command. QUIT is the session's. */
export function redisCommand(store: RedisStore, words: readonly string[]): string {
  const [name = '', ...args] = words;
  const upper = name.toUpperCase();
  if (!Object.hasOwn(COMMANDS, upper))
    return failure(
      `ERR unknown command '${name}', with args beginning with: ${args
        .slice(0, 1)
        .map((a) => `'${a}' `)
        .join('')}`,
    );
  const [fewest, most, run] = COMMANDS[upper] as (typeof COMMANDS)[string];
  if (args.length < fewest || args.length > most)
    return failure(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
  return run(store, args);
}

/** Reads one command from `text` at `from` (latin1 view of the bytes). Undefined: not all here yet. */
function readCommand(bytes: Buffer, from: number): { words: string[]; next: number } | undefined | 'bad' {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('utf8', from, lineEnd);
  if (!line.startsWith('*')) return { words: line.split(/\s+/).filter((w) => w !== ''), next: lineEnd + 2 };
  const count = Number(line.slice(1));
  if (!Number.isInteger(count) || count > 1024) return 'bad';
  const words: string[] = [];
  let at = lineEnd + 2;
  for (let i = 0; i < count; i++) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    if (bytes[at] !== 0x24) return 'bad';
    const length = Number(bytes.toString('latin1', at + 1, end));
    if (!Number.isInteger(length) || length < 0 || length > MAX_PENDING) return 'bad';
    if (bytes.length < end + 2 + length + 2) return undefined;
    words.push(bytes.toString('utf8', end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return { words, next: at };
}

/** One client of a redis container. Takes pipelined and inline commands. */
export function redisSession(store: RedisStore): Session {
  let pending: Buffer = Buffer.alloc(0);
  const end = (output: string, text = ''): ReturnType<Session['feed']> => ({
    output: Buffer.from(output + text),
    close: true,
  });
  return {
    feed(chunk) {
      pending = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk;
      let output = '';
      let at = 0;
      for (;;) {
        const command = readCommand(pending, at);
        if (command === 'bad') return end(output, failure('ERR Protocol error: expected an array of bulk strings'));
        if (command === undefined) break;
        at = command.next;
        if (command.words[0]?.toUpperCase() === 'QUIT') return end(output, simple('OK'));
        if (command.words.length > 0) output += redisCommand(store, command.words);
      }
      pending = pending.subarray(at);
      if (pending.length > MAX_PENDING) return end(output, failure('ERR Protocol error: too big a request'));
      return { output: Buffer.from(output) };
    },
  };
}

/** redis and its forks: PING, INFO, GET and SET and a few more, in memory. */
export const redis: Image = {
  repositories: ['redis', 'valkey', 'keydb', 'redis-stack-server'],
  defaultPorts: () => tcpPorts(6379),
  start(context) {
    const store = new RedisStore(context.identity);
    return {
      startLines: ['* Ready to accept connections tcp'],
      tcp: () => streamService(context, () => redisSession(store)),
      udp: udpEcho,
    };
  },
};
