import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { asOrdinaryUser } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNetns, type Netns, SyscallError, withNetns } from '../netns/index.ts';
import { openPacketSocket, type PacketSocket } from './packet-socket.ts';

/** EtherType for local experiments (IEEE 802): nothing but these tests sends it. */
const EXPERIMENTAL = 0x88b5;

const open: { close(): void }[] = [];
/** Open sockets of this process. */
const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

/** Polls until it holds; the runner's time limit ends it otherwise. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

let before = 0;
beforeEach(() => {
  before = sockets();
});
afterEach(async () => {
  for (const o of open.splice(0).reverse()) o.close();
  await eventually(() => sockets() === before);
});

const ip = (ns: Netns, script: string): void => {
  withNetns(ns, () => execFileSync('ip', ['-batch', '-'], { input: script }));
};

/** Two namespaces joined by a veth pair, `lan0` on both sides. */
function pair(): [Netns, Netns] {
  const [a, b] = [createNetns(), createNetns()];
  open.push(a, b);
  ip(a, `link add lan0 type veth peer name lan0 netns ${b.procPath}\nlink set lan0 up\n`);
  ip(b, 'link set lan0 up\n');
  return [a, b];
}

interface Listening {
  readonly socket: PacketSocket;
  readonly frames: string[];
  readonly errors: Error[];
  /** Resolves once `done` holds; looked at for each frame and error. */
  until(done: () => boolean): Promise<void>;
}

function listen(ns: Netns, etherType = EXPERIMENTAL, name = 'lan0'): Listening {
  const frames: string[] = [];
  const errors: Error[] = [];
  const waiting: { done: () => boolean; resolve: () => void }[] = [];
  const wake = (): void => {
    for (const w of waiting) if (w.done()) w.resolve();
  };
  const socket = withNetns(ns, () =>
    openPacketSocket({
      interface: name,
      etherType,
      onFrame: (frame) => {
        frames.push(Buffer.from(frame).toString('hex'));
        wake();
      },
      onError: (error) => {
        errors.push(error);
        wake();
      },
    }),
  );
  open.push(socket);
  const until = (done: () => boolean): Promise<void> =>
    done() ? Promise.resolve() : new Promise((resolve) => waiting.push({ done, resolve }));
  return { socket, frames, errors, until };
}

const frame = (text: string, etherType = EXPERIMENTAL): Buffer => {
  const head = Buffer.from('ffffffffffff0200000000010000', 'hex');
  head.writeUInt16BE(etherType, 12);
  return Buffer.concat([head, Buffer.from(text.padEnd(46, '.'))]);
};

describe('openPacketSocket()', () => {
  it('carries frames both ways, whole and in order', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    const sent = Array.from({ length: 50 }, (_, i) => frame(`number ${i}`));
    for (const f of sent) left.socket.send(f);
    await right.until(() => right.frames.length >= sent.length);
    expect(right.frames).toEqual(sent.map((f) => f.toString('hex')));
    right.socket.send(frame('back'));
    await left.until(() => left.frames.length > 0);
    // Not what it sent itself.
    expect(left.frames).toEqual([frame('back').toString('hex')]);
  });

  it('hears its own EtherType alone', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    left.socket.send(frame('another', 0x88b6));
    left.socket.send(frame('ours'));
    await right.until(() => right.frames.length > 0);
    expect(right.frames).toEqual([frame('ours').toString('hex')]);
  });

  it('closes while a read is pending: nothing is delivered any more, and its descriptor goes', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    const witness = listen(b);
    right.socket.close();
    right.socket.close();
    left.socket.send(frame('late'));
    await witness.until(() => witness.frames.length > 0);
    await eventually(() => sockets() === before + 2);
    expect(right.frames).toEqual([]);
    expect(right.errors).toEqual([]);
  });

  it('may be closed by what a frame brings about', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    const closed = right.until(() => {
      right.socket.close();
      return true;
    });
    left.socket.send(frame('first'));
    left.socket.send(frame('second'));
    await closed;
    await eventually(() => sockets() === before + 1);
    expect(right.frames.length).toBeLessThanOrEqual(1);
  });

  it('waits for an interface that is down', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    ip(b, 'link set lan0 down\n');
    expect(() => right.socket.send(frame('no'))).toThrow(expect.objectContaining({ code: 'ENETDOWN' }));
    ip(b, 'link set lan0 up\n');
    left.socket.send(frame('again'));
    await right.until(() => right.frames.length > 0);
    expect(right.errors).toEqual([]);
  });

  it('says once that its interface is gone, also when another of that name has taken its place', async () => {
    const [a, b] = pair();
    const [left, right] = [listen(a), listen(b)];
    ip(b, 'link del lan0\nlink add lan0 type veth peer name other\nlink set lan0 up\n');
    await Promise.all([left, right].map((side) => side.until(() => side.errors.length > 0)));
    await eventually(() => sockets() === before);
    for (const { errors } of [left, right]) expect(errors).toMatchObject([{ code: 'ENODEV' }]);
    expect(() => right.socket.close()).not.toThrow();
    expect(() => right.socket.send(frame('x'))).toThrow();
  });

  it('refuses an interface that is not there', () => {
    const [a] = pair();
    expect(() => listen(a, EXPERIMENTAL, 'lan7')).toThrow(SyscallError);
  });
});

asOrdinaryUser(import.meta.url);
