import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectIn, createNetns, listenIn, type Netns, withNetns } from '../netns/index.ts';
import { type FrameSink, type FrameSource, openFrameSink, openFrameSource, waitReadable } from './frame-socket.ts';

let middle: Netns;
let left: Netns;
let right: Netns;
let open: (FrameSource | FrameSink)[];

/** left ═ p1 [middle] p2 ═ right, on one network that nothing bridges. */
beforeEach(() => {
  [middle, left, right] = [createNetns(), createNetns(), createNetns()];
  open = [];
  ip(
    middle,
    `link add p1 type veth peer name e netns ${left.procPath}`,
    `link add p2 type veth peer name e netns ${right.procPath}`,
    ...['p1', 'p2'].flatMap((d) => [`link set ${d} addrgenmode none`, `link set ${d} up`]),
  );
  ip(left, 'addr add 10.9.0.1/24 dev e', 'link set e addrgenmode none', 'link set e up');
  ip(right, 'addr add 10.9.0.2/24 dev e', 'link set e addrgenmode none', 'link set e up');
});
afterEach(() => {
  for (const socket of open) socket.close();
  for (const namespace of [left, right, middle]) namespace.close();
});

function ip(namespace: Netns, ...lines: string[]): void {
  const done = withNetns(namespace, () => spawnSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` }));
  if (done.status !== 0) throw new Error(done.stderr.toString());
}

/** An empty virtio header and a frame to all. */
const broadcast = (): Buffer => Buffer.alloc(10 + 60).fill(0xff, 10);

function opened<T extends FrameSource | FrameSink>(open_: () => T): T {
  const socket = withNetns(middle, open_);
  open.push(socket);
  return socket;
}

/** Copies frames both ways until `over`; the kernel is the wire on either side. Returns the size of the largest. */
async function bridge(over: () => boolean): Promise<number> {
  const ways = [
    { source: opened(() => openFrameSource('p1')), sink: opened(() => openFrameSink('p2', 1)) },
    { source: opened(() => openFrameSource('p2')), sink: opened(() => openFrameSink('p1', 1)) },
  ];
  let largest = 0;
  while (!over()) {
    for (const { sink, source } of ways)
      for (let frame = source.receive(); frame; frame = source.receive()) {
        largest = Math.max(largest, frame.length);
        sink.send(frame);
      }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(ways.map((w) => w.source.drops())).toEqual([0, 0]);
  return largest;
}

describe('frames from one socket to another', () => {
  let server: Server;
  afterEach(() => server.close());

  it('carry a TCP transfer whose segments are larger than the MTU, checksums and all', async () => {
    const SIZE = 8 << 20;
    server = createServer((socket) => socket.end(Buffer.alloc(SIZE, 'svclab')));
    listenIn(right, server, { port: 80 });
    await once(server, 'listening');
    const socket = connectIn(left, { address: '10.9.0.2', port: 80 });
    const got: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => got.push(chunk));
    let ended = false;
    socket.on('close', () => {
      ended = true;
    });
    const largest = await bridge(() => ended);
    expect(Buffer.concat(got).equals(Buffer.alloc(SIZE, 'svclab'))).toBe(true);
    expect(largest).toBeGreaterThan(2000);
  });
});

describe('a source', () => {
  it('does not hear what is sent by its own interface', () => {
    const source = opened(() => openFrameSource('p1'));
    const sink = opened(() => openFrameSink('p1', 1));
    expect(sink.send(broadcast())).toBe(true);
    expect(source.receive()).toBeUndefined();
  });

  it('is readable when a frame waits, which a wait with a limit tells', () => {
    const source = opened(() => openFrameSource('p1'));
    const begin = performance.now();
    expect(waitReadable([source.fd], 20.5)).toEqual([false]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(20.4);
    // Somebody asks for an address: an ARP request.
    withNetns(left, () => spawnSync('arping', ['-c', '1', '-w', '1', '-I', 'e', '10.9.0.77']));
    expect(waitReadable([source.fd], undefined)).toEqual([true]);
    expect(source.receive()?.subarray(10 + 12, 10 + 14)).toEqual(Buffer.from([0x08, 0x06]));
  });
});

describe('a sink', () => {
  it('loses what it cannot send, and finds the next interface of its name', () => {
    const sink = opened(() => openFrameSink('p1', 1));
    const frame = broadcast();
    expect(withNetns(middle, () => sink.send(frame))).toBe(true);
    ip(middle, 'link del p1');
    expect(withNetns(middle, () => sink.send(frame))).toBe(false);
    ip(middle, 'link add p1 type veth peer name p3', 'link set p3 up', 'link set p1 up');
    withNetns(middle, () => sink.send(frame));
    expect(withNetns(middle, () => sink.send(frame))).toBe(true);
  });

  it('is refused where there is no such interface', () => {
    expect(() => opened(() => openFrameSink('none', 1))).toThrow('if_nametoindex failed: ENODEV');
  });
});
