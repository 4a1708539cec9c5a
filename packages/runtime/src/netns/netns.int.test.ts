import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { asOrdinaryUser } from '@svclab/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import {
  connectIn,
  createNetns,
  currentNetns,
  listenIn,
  type Netns,
  NetnsError,
  openNetns,
  spawnIn,
  udpSocketIn,
  withNetns,
  writeSysctl,
} from './index.ts';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');
const origin = here();
const open: Netns[] = [];
const namespace = (): Netns => {
  const made = createNetns();
  open.push(made);
  return made;
};

afterEach(() => {
  expect(here()).toBe(origin);
  for (const ns of open.splice(0)) ns.close();
});

async function output(ns: Netns, command: string, args: string[]): Promise<string> {
  const child = spawnIn(ns, command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return text;
}

/** Two namespaces joined by a veth pair: 10.9.0.1 and 10.9.0.2. */
function pair(): [Netns, Netns] {
  const a = namespace();
  const b = namespace();
  const ip = (ns: Netns, script: string): void => {
    withNetns(ns, () => execFileSync('ip', ['-batch', '-'], { input: script }));
  };
  ip(
    a,
    `link add eth0 type veth peer name eth0 netns ${b.procPath}\naddr add 10.9.0.1/24 dev eth0\nlink set eth0 up\n`,
  );
  ip(b, 'addr add 10.9.0.2/24 dev eth0\nlink set eth0 up\n');
  return [a, b];
}

describe('createNetns()', () => {
  it('makes a namespace of its own with loopback up, and comes back', async () => {
    const ns = namespace();
    expect(here()).toBe(origin);
    expect(readlinkSync(ns.path)).toMatch(/^net:\[\d+\]$/);
    expect(readlinkSync(ns.path)).not.toBe(origin);
    expect(await output(ns, 'ip', ['-br', 'addr'])).toMatch(/^lo\s+\S+\s+127\.0\.0\.1\/8/);
  });

  it('is reached by other processes through procPath', () => {
    const ns = namespace();
    const id = execFileSync('nsenter', [`--net=${ns.procPath}`, 'readlink', '/proc/self/ns/net'])
      .toString()
      .trim();
    expect(id).toBe(readlinkSync(ns.path));
  });
});

describe('withNetns()', () => {
  it('returns the value, nests, and returns home after a throw', () => {
    const [a, b] = [namespace(), namespace()];
    const seen = withNetns(a, () => [here(), withNetns(b, here), here()]);
    expect(seen).toEqual([readlinkSync(a.path), readlinkSync(b.path), readlinkSync(a.path)]);
    expect(() =>
      withNetns(a, () => {
        throw new RangeError('Inside');
      }),
    ).toThrow(RangeError);
    expect(here()).toBe(origin);
  });

  it('makes a namespace from inside another and returns to that one', () => {
    const a = namespace();
    const [inner, after] = withNetns(a, () => [namespace(), here()] as const);
    expect(after).toBe(readlinkSync(a.path));
    expect(readlinkSync(inner.path)).not.toBe(readlinkSync(a.path));
  });

  it('refuses a function that returns a promise', () => {
    const ns = namespace();
    expect(() => withNetns(ns, () => Promise.resolve(1))).toThrow(/must be synchronous/);
  });

  it('names the descriptor of a namespace that is closed', () => {
    const ns = createNetns();
    ns.close();
    ns.close();
    expect(() => withNetns(ns, () => 1)).toThrow(NetnsError);
  });
});

describe('openNetns() and currentNetns()', () => {
  it('opens by path, and tells what is no namespace', () => {
    const ns = namespace();
    const again = openNetns(ns.procPath);
    open.push(again);
    expect(withNetns(again, here)).toBe(readlinkSync(ns.path));
    expect(() => openNetns('/proc/self/status')).toThrow(/cannot be entered/);
    expect(() => openNetns('/proc/self/fd/99999')).toThrow(/cannot be opened/);
    const own = currentNetns();
    open.push(own);
    expect(withNetns(own, here)).toBe(origin);
  });
});

describe('writeSysctl()', () => {
  it('writes inside the namespace and says when it cannot', async () => {
    const ns = namespace();
    expect(withNetns(ns, () => writeSysctl('net/ipv4/ip_forward', 1))).toBe(true);
    expect((await output(ns, 'cat', ['/proc/sys/net/ipv4/ip_forward'])).trim()).toBe('1');
    expect(withNetns(ns, () => writeSysctl('net/ipv4/no_such_thing', 1))).toBe(false);
  });
});

describe('listenIn() and connectIn()', () => {
  it('makes both ends of a TCP connection inside their namespaces', async () => {
    const [a, b] = pair();
    const server = createServer((socket) => socket.end(`from ${socket.remoteAddress}`));
    listenIn(b, server, { port: 8080 });
    expect(server.listening).toBe(true);
    const socket = connectIn(a, { address: '10.9.0.2', port: 8080 });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'close');
    expect(text).toMatch(/^from (::ffff:)?10\.9\.0\.1$/);
    server.close();
  });

  it('reports a port that is taken as an error event', async () => {
    const ns = namespace();
    const first = createServer();
    const second = createServer();
    listenIn(ns, first, { port: 80 });
    const failed = once(second, 'error');
    listenIn(ns, second, { port: 80 });
    expect(await failed).toMatchObject([{ code: 'EADDRINUSE' }]);
    first.close();
  });

  it('reports an unreachable address as an error event, and a name at once', async () => {
    const ns = namespace();
    const socket: Socket = connectIn(ns, { address: '192.0.2.1', port: 1 });
    const [error] = await once(socket, 'error').catch((e) => [e]);
    expect(error).toMatchObject({ code: 'ENETUNREACH' });
    expect(() => connectIn(ns, { address: 'web', port: 80 })).toThrow(/no IP address/);
  });
});

describe('udpSocketIn()', () => {
  it('binds at once and speaks in its namespace', async () => {
    const [a, b] = pair();
    const server = udpSocketIn(b, { port: 53 });
    expect(server.address()).toMatchObject({ address: '0.0.0.0', port: 53 });
    const client = udpSocketIn(a);
    server.on('message', (message, from) => server.send(`${message} from ${from.address}`, from.port, from.address));
    client.send('hello', 53, '10.9.0.2');
    const [answer] = await once(client, 'message');
    expect(String(answer)).toBe('hello from 10.9.0.1');
    server.close();
    client.close();
  });
});

asOrdinaryUser(import.meta.url);
