import { describe, expect, it } from 'vitest';
import { postgresSession } from './postgres.ts';
import { runQuery } from './postgres-query.ts';
import type { Session } from './stream-server.ts';

const identity = {
  pod: 'pg-0',
  namespace: 'n',
  uid: 'u',
  node: 'node-1',
  container: 'c',
  image: 'postgres',
  ip: '10.244.1.9',
};
const session = { identity, user: 'app', database: 'shop' };

describe('runQuery()', () => {
  it.for([
    ['select 1', { kind: 'row', column: '?column?', oid: 23, value: '1' }],
    ['SELECT  1 AS one', { kind: 'row', column: 'one', oid: 23, value: '1' }],
    ["select 'it''s'", { kind: 'row', column: '?column?', oid: 25, value: "it's" }],
    ['select current_database()', { kind: 'row', column: 'current_database', oid: 25, value: 'shop' }],
    ['show svclab.pod', { kind: 'row', column: 'svclab.pod', oid: 25, value: 'pg-0' }],
    ['show nothing', { kind: 'error', code: '42704', message: 'unrecognized configuration parameter "nothing"' }],
    ['BEGIN', { kind: 'command', tag: 'BEGIN' }],
    ['', { kind: 'empty' }],
  ] as const)('answers %s', ([sql, want]) => {
    expect(runQuery(sql, session)).toEqual(want);
  });

  it('refuses tables', () => {
    expect(runQuery('select * from orders', session)).toMatchObject({ kind: 'error', code: '0A000' });
  });
});

const int32 = (n: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
};
const startup = (text: string): Buffer => {
  const body = Buffer.concat([int32(196608), Buffer.from(text)]);
  return Buffer.concat([int32(body.length + 4), body]);
};
const message = (type: string, text: string): Buffer =>
  Buffer.concat([Buffer.from(type), int32(Buffer.byteLength(text) + 4), Buffer.from(text)]);
/** Types of the messages in an answer, `RSSZ`. */
function types(output: Buffer): string {
  let result = '';
  for (let at = 0; at < output.length; at += 1 + output.readInt32BE(at + 1))
    result += String.fromCharCode(output[at] as number);
  return result;
}
const started = (): Session => {
  const s = postgresSession(identity, 7);
  s.feed(startup('user\0app\0\0'));
  return s;
};

describe('postgresSession()', () => {
  it('declines TLS and GSS, then lets the user in', () => {
    const s = postgresSession(identity, 7);
    expect(s.feed(Buffer.concat([int32(8), int32(80877103)])).output.toString()).toBe('N');
    expect(s.feed(Buffer.concat([int32(8), int32(80877104)])).output.toString()).toBe('N');
    expect(types(s.feed(startup('user\0app\0\0')).output)).toBe('RSSSSSSKZ');
  });

  it.for([
    ['select 1', 'TDCZ'],
    ['select 1; select 2;', 'TDCTDCZ'],
    ['', 'IZ'],
    ['begin', 'CZ'],
    ['select * from t; select 1', 'EZ'],
  ] as const)('answers the simple query "%s"', ([sql, want]) => {
    expect(types(started().feed(message('Q', `${sql}\0`)).output)).toBe(want);
  });

  it('answers the extended protocol, and passes over what follows an error', () => {
    const round = (sql: string): Buffer =>
      Buffer.concat([
        message('P', `\0${sql}\0\0\0`),
        message('B', '\0\0\0\0\0\0\0\0'),
        message('D', 'P\0'),
        message('E', '\0\0\0\0\0'),
        message('S', ''),
      ]);
    expect(types(started().feed(round('select 1')).output)).toBe('12TDCZ');
    expect(types(started().feed(round('select * from t')).output)).toBe('12nEZ');
    expect(
      types(started().feed(Buffer.concat([message('!', ''), message('Q', 'select 1\0'), message('S', '')])).output),
    ).toBe('EZ');
  });

  it('takes bytes however they are cut, and ends when told', () => {
    const s = started();
    const pieces = [...message('Q', 'select 1\0')].map((byte) => s.feed(Buffer.from([byte])).output);
    expect(types(Buffer.concat(pieces))).toBe('TDCZ');
    expect(s.feed(message('X', ''))).toMatchObject({ close: true });
    expect(
      postgresSession(identity, 1).feed(Buffer.concat([int32(16), int32(80877102), int32(1), int32(1)])),
    ).toMatchObject({ close: true });
    expect(postgresSession(identity, 1).feed(Buffer.from('GET / HTTP/1.1\r\n'))).toMatchObject({ close: true });
  });
});
