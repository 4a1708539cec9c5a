/** Datagrams and transfers between hosts of a lab, by small programs that run on them. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Lab } from './lab.ts';

const CLI = new URL('../../packages/cli/bin/svclab.js', import.meta.url).pathname;
const ECHO_PORT = 9999;
const BLOB_PORT = 9998;

/** Answers each datagram with itself and how many it has had from that sender; gives whoever connects as many bytes as he asks for. */
const SERVER = `
const had = new Map();
const socket = require('dgram').createSocket('udp4');
socket.on('message', (m, from) => {
  const key = from.address + ':' + from.port;
  had.set(key, (had.get(key) || 0) + 1);
  m.writeUInt32LE(had.get(key), 4);
  socket.send(m, from.port, from.address);
});
require('net').createServer((s) => {
  s.on('error', () => {});
  s.once('data', (d) => s.end(Buffer.alloc(Number(d.toString()))));
}).listen(${BLOB_PORT}, '0.0.0.0', () => socket.bind(${ECHO_PORT}, () => console.log('serves')));
`;

/** Sends datagrams at a pace and says of each when it came back, in the order they came. */
const CLIENT = `
const [address, count, gap] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const socket = require('dgram').createSocket('udp4');
const at = [], replies = [];
let served = 0, sent = 0;
const start = process.hrtime.bigint();
const ms = () => Number(process.hrtime.bigint() - start) / 1e6;
const end = () => process.stdout.write(JSON.stringify({ sent, served, at, replies }), () => process.exit(0));
socket.on('message', (m) => {
  const i = m.readUInt32LE(0);
  served = Math.max(served, m.readUInt32LE(4));
  replies.push([i, ms() - at[i]]);
  if (replies.length === count) end();
});
socket.bind(() => {
  const pace = setInterval(() => {
    while (sent < count && sent * gap <= ms()) {
      const m = Buffer.alloc(64);
      m.writeUInt32LE(sent, 0);
      at[sent] = ms();
      socket.send(m, ${ECHO_PORT}, address);
      sent += 1;
    }
    if (sent === count) { clearInterval(pace); setTimeout(end, 3000); }
  }, 1);
});
process.on('SIGINT', end);
`;

const FETCH = `
const [address, bytes] = [process.argv[1], process.argv[2]];
let got = 0, first;
const socket = require('net').connect(${BLOB_PORT}, address, () => socket.write(bytes));
socket.on('data', (d) => { first ??= process.hrtime.bigint(); got += d.length; });
socket.on('end', () => console.log(JSON.stringify({ got, ms: Number(process.hrtime.bigint() - first) / 1e6 })));
`;

/** A server on a host. */
export interface Echo {
  close(): Promise<void>;
}

/** Serves datagrams and transfers on a node until it is closed. */
export async function startEcho(lab: Lab, node: string): Promise<Echo> {
  const child = spawn(process.execPath, [CLI, 'exec', ...lab.ref, `node/${node}`, '--', 'node', '-e', SERVER], {
    env: { ...process.env, SVCLAB_STATE_DIR: lab.stateDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`Echo server on ${node} exits ${code}`)));
  });
  return { close: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await over;
}

/** What became of datagrams. */
export interface Datagrams {
  readonly sent: number;
  /** How many of them reached the server. */
  readonly served: number;
  /** When each was sent, ms. */
  readonly at: readonly number[];
  /** Number and round-trip time (ms) of those that came back, in the order they came. */
  readonly replies: readonly (readonly [number: number, rtt: number])[];
}

/** Sends `count` datagrams from the client to an address, `gapMs` apart, while `during` runs, and waits up to 3 s for the last. */
export async function datagrams(
  lab: Lab,
  address: string,
  count: number,
  gapMs: number,
  during: () => Promise<void> = async () => {},
): Promise<Datagrams> {
  const asked = lab.client('node', '-e', CLIENT, address, String(count), String(gapMs));
  await during();
  const done = await asked;
  if (done.code !== 0) throw new Error(`Datagram client exits ${done.code}: ${done.stderr}`);
  return JSON.parse(done.stdout) as Datagrams;
}

/** Fetches so many bytes from an address and returns bit/s, measured from the first byte. */
export async function throughput(lab: Lab, address: string, bytes: number): Promise<number> {
  const done = await lab.client('node', '-e', FETCH, address, String(bytes));
  const { got, ms } = JSON.parse(done.stdout) as { got: number; ms: number };
  if (got !== bytes) throw new Error(`Got ${got} of ${bytes} bytes`);
  return (bytes * 8000) / ms;
}

/** A value of sorted numbers: the median by default. */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

/** Round-trip times. */
export function rtts(of: Datagrams): number[] {
  return of.replies.map(([, rtt]) => rtt);
}

/** Runs of datagrams that did not come back: the number of the first and how many. */
export function gaps(of: Datagrams): { readonly first: number; readonly length: number }[] {
  const back = new Set(of.replies.map(([i]) => i));
  const found: { first: number; length: number }[] = [];
  for (let i = 0; i < of.sent; i++) {
    if (back.has(i)) continue;
    const last = found.at(-1);
    if (last && last.first + last.length === i) last.length += 1;
    else found.push({ first: i, length: 1 });
  }
  return found;
}
