import { type ContainerIdentity, type Image, tcpPorts, udpEcho } from './image.ts';
import { type QueryResult, runQuery, SERVER_VERSION } from './postgres-query.ts';
import { type Session, streamService } from './stream-server.ts';

/** Codes of the messages that come before start-up (protocol 3.0, "Message Formats"). */
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
const PROTOCOL_3 = 196608;
/** Largest message taken, bytes. */
const MAX_MESSAGE = 1 << 20;

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
const int16 = (n: number): Buffer => {
  const b = Buffer.alloc(2);
  b.writeInt16BE(n);
  return b;
};
const int32 = (n: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
};

/** A message: type letter, length, body. */
function message(type: string, ...body: Buffer[]): Buffer {
  const payload = Buffer.concat(body);
  return Buffer.concat([Buffer.from(type), int32(payload.length + 4), payload]);
}

const ready = message('Z', Buffer.from('I'));
const failure = (code: string, text: string, severity = 'ERROR'): Buffer =>
  message('E', ...[`S${severity}`, `V${severity}`, `C${code}`, `M${text}`].map(cstring), Buffer.from([0]));

function rowDescription(result: Extract<QueryResult, { kind: 'row' }>): Buffer {
  const size = { 16: 1, 23: 4 }[result.oid] ?? -1;
  // Table and column number 0: no table's column; type modifier -1; format 0: text.
  return message(
    'T',
    int16(1),
    cstring(result.column),
    int32(0),
    int16(0),
    int32(result.oid),
    int16(size),
    int32(-1),
    int16(0),
  );
}

function execution(result: QueryResult): Buffer {
  switch (result.kind) {
    case 'row': {
      const value = Buffer.from(result.value);
      return Buffer.concat([message('D', int16(1), int32(value.length), value), message('C', cstring('SELECT 1'))]);
    }
    case 'command':
      return message('C', cstring(result.tag));
    case 'empty':
      return message('I');
    case 'error':
      return failure(result.code, result.message);
  }
}

/** Parameters of a StartupMessage: user, database and so on. */
function startupParameters(body: Buffer): Map<string, string> {
  const words = body.toString('utf8').split('\0');
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2)
    parameters.set(words[i] as string, words[i + 1] ?? '');
  return parameters;
}

function welcome(backend: number): Buffer {
  const parameters: [string, string][] = [
    ['server_version', SERVER_VERSION],
    ['server_encoding', 'UTF8'],
    ['client_encoding', 'UTF8'],
    ['DateStyle', 'ISO, MDY'],
    ['integer_datetimes', 'on'],
    ['standard_conforming_strings', 'on'],
  ];
  return Buffer.concat([
    message('R', int32(0)),
    ...parameters.map(([name, value]) => message('S', cstring(name), cstring(value))),
    message('K', int32(backend), int32(backend)),
    ready,
  ]);
}

/** One client of a postgres container: start-up without TLS or password, simple queries, and the extended protocol's round. */
class PostgresSession implements Session {
  readonly #identity: ContainerIdentity;
  readonly #backend: number;
  #pending: Buffer = Buffer.alloc(0);
  #user = '';
  #database = '';
  #started = false;
  /** After an error in the extended protocol everything up to Sync is passed over. */
  #skipping = false;
  #prepared = '';

  constructor(identity: ContainerIdentity, backend: number) {
    this.#identity = identity;
    this.#backend = backend;
  }

  feed(chunk: Buffer): { output: Buffer; close?: boolean } {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const output: Buffer[] = [];
    for (;;) {
      const header = this.#started ? 1 : 0;
      if (this.#pending.length < header + 4) break;
      const length = this.#pending.readInt32BE(header);
      if (length < 4 || length > MAX_MESSAGE)
        return { output: failure('08P01', `invalid message length ${length}`, 'FATAL'), close: true };
      if (this.#pending.length < header + length) break;
      const type = header === 0 ? '' : String.fromCharCode(this.#pending[0] as number);
      const body = this.#pending.subarray(header + 4, header + length);
      this.#pending = this.#pending.subarray(header + length);
      if (type === 'X') return { output: Buffer.concat(output), close: true };
      const answer = header === 0 ? this.#startup(body) : this.#command(type, body);
      if (answer === 'close') return { output: Buffer.concat(output), close: true };
      output.push(answer);
    }
    return { output: Buffer.concat(output) };
  }

  #startup(body: Buffer): Buffer | 'close' {
    const code = body.length >= 4 ? body.readInt32BE(0) : 0;
    if (code === SSL_REQUEST || code === GSS_REQUEST) return Buffer.from('N');
    if (code === CANCEL_REQUEST) return 'close';
    if (code !== PROTOCOL_3)
      return failure(
        '0A000',
        `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0`,
        'FATAL',
      );
    const parameters = startupParameters(body.subarray(4));
    this.#user = parameters.get('user') ?? '';
    this.#database = parameters.get('database') ?? this.#user;
    this.#started = true;
    return welcome(this.#backend);
  }

  #query(sql: string): QueryResult {
    return runQuery(sql, { identity: this.#identity, user: this.#user, database: this.#database });
  }

  #command(type: string, body: Buffer): Buffer {
    if (type === 'S') {
      this.#skipping = false;
      return ready;
    }
    if (this.#skipping) return Buffer.alloc(0);
    switch (type) {
      case 'Q':
        return this.#simple(body.toString('utf8', 0, Math.max(0, body.length - 1)));
      case 'P':
        this.#prepared = body.toString('utf8').split('\0')[1]?.replace(/;\s*$/, '') ?? '';
        return message('1');
      case 'B':
        return message('2');
      case 'D': {
        const result = this.#query(this.#prepared);
        const columns = result.kind === 'row' ? rowDescription(result) : message('n');
        return body[0] === 0x53 ? Buffer.concat([message('t', int16(0)), columns]) : columns;
      }
      case 'E': {
        const result = this.#query(this.#prepared);
        this.#skipping = result.kind === 'error';
        return execution(result);
      }
      case 'C':
        return message('3');
      case 'H':
        return Buffer.alloc(0);
      default:
        this.#skipping = true;
        return failure('08P01', `invalid frontend message type ${type}`);
    }
  }

  /** Statements of one simple query; the first that fails ends it. */
  #simple(text: string): Buffer {
    const statements = text.split(';').filter((s) => s.trim() !== '');
    const output: Buffer[] = [];
    for (const statement of statements.length > 0 ? statements : ['']) {
      const result = this.#query(statement);
      if (result.kind === 'row') output.push(rowDescription(result));
      output.push(execution(result));
      if (result.kind === 'error') break;
    }
    return Buffer.concat([...output, ready]);
  }
}

/** One client's session. `backend` is the process number it is told. */
export function postgresSession(identity: ContainerIdentity, backend: number): Session {
  return new PostgresSession(identity, backend);
}

/** PostgreSQL: whoever connects is let in; `select 1`, `show server_version`, `show svclab.pod`. */
export const postgres: Image = {
  repositories: ['postgres', 'postgresql', 'postgis', 'timescaledb'],
  defaultPorts: () => tcpPorts(5432),
  start(context) {
    let backend = 100;
    return {
      startLines: ['LOG:  database system is ready to accept connections'],
      tcp: () => streamService(context, () => postgresSession(context.identity, backend++)),
      udp: udpEcho,
    };
  },
};
