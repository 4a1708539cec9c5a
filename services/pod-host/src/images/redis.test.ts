import { describe, expect, it } from 'vitest';
import { RedisStore, redisCommand, redisSession } from './redis.ts';

const store = (): RedisStore =>
  new RedisStore({
    pod: 'redis-0',
    namespace: 'n',
    uid: 'u',
    node: 'node-1',
    container: 'c',
    image: 'redis',
    ip: '10.244.1.9',
  });

describe('redisCommand()', () => {
  it.for([
    [['PING'], '+PONG\r\n'],
    [['ping', 'hi'], '$2\r\nhi\r\n'],
    [['GET', 'missing'], '$-1\r\n'],
    [['SET', 'k', 'é'], '+OK\r\n'],
    [['SET', 'k'], "-ERR wrong number of arguments for 'set' command\r\n"],
    [['DEL', 'a', 'b'], ':0\r\n'],
    [['COMMAND', 'DOCS'], '*0\r\n'],
    [['constructor', 'a'], "-ERR unknown command 'constructor', with args beginning with: 'a' \r\n"],
  ] as const)('answers %j', ([words, want]) => {
    expect(redisCommand(store(), words)).toBe(want);
  });

  it('keeps values, counts, and tells its pod', () => {
    const s = store();
    redisCommand(s, ['SET', 'k', 'é']);
    expect(redisCommand(s, ['GET', 'k'])).toBe('$2\r\né\r\n');
    expect([redisCommand(s, ['INCR', 'n']), redisCommand(s, ['INCR', 'n'])]).toEqual([':1\r\n', ':2\r\n']);
    expect(redisCommand(s, ['INCR', 'k'])).toMatch(/^-ERR value is not an integer/);
    expect(redisCommand(s, ['INFO'])).toContain('svclab_pod:redis-0');
  });
});

describe('redisSession()', () => {
  it('takes commands however the bytes are cut, pipelined and inline', () => {
    const bytes = Buffer.from('*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\nPING\r\n*1\r\n$4\r\nPING\r\n');
    const whole = redisSession(store()).feed(bytes).output.toString();
    expect(whole).toBe('$3\r\na\r\n\r\n+PONG\r\n+PONG\r\n');
    const session = redisSession(store());
    const pieces = [...bytes].map((byte) => session.feed(Buffer.from([byte])).output.toString());
    expect(pieces.join('')).toBe(whole);
  });

  it('ends on QUIT and on what is no redis protocol', () => {
    expect(redisSession(store()).feed(Buffer.from('QUIT\r\n'))).toEqual({
      output: Buffer.from('+OK\r\n'),
      close: true,
    });
    expect(redisSession(store()).feed(Buffer.from('*1\r\n+x\r\n'))).toMatchObject({ close: true });
    expect(redisSession(store()).feed(Buffer.from('*-1x\r\n'))).toMatchObject({ close: true });
    expect(redisSession(store()).feed(Buffer.alloc((1 << 20) + 1, 'x'))).toMatchObject({ close: true });
  });
});
