// The figures of impaired links in docs/results.md: node test/bench/wire.mjs [delay|loss|rate]... (all without an argument)
// How far delay in user space is off, what it loses when it begins and is healed, what it carries; how near loss and rate come to what was
// asked. Prints a Markdown table on stdout and talks on stderr.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delayMechanism } from '../../packages/lab/dist/index.js';

const CLI = fileURLToPath(new URL('../../packages/cli/bin/svclab.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'svclab-wire-'));
const env = { ...process.env, SVCLAB_STATE_DIR: dir };
const NAME = 'wire-bench';
const NODE = '172.30.0.11';
const [ECHO, SINK, CLOSED] = [9999, 9998, 9997];
const say = (line) => process.stderr.write(`${line}\n`);
const rows = [];

/** Runs the CLI against the lab and returns stdout. */
function svclab(command, ...args) {
  return new Promise((resolve, reject) => {
    const argv = [CLI, ...command.split(' '), '--name', NAME, ...args];
    execFile(process.execPath, argv, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      error ? reject(new Error(`svclab ${command} ${args.join(' ')}: ${stderr || error.message}`)) : resolve(stdout),
    );
  });
}

/** Starts a small program on a node; resolves when it has said something. */
async function serve(code) {
  const child = spawn(process.execPath, [CLI, 'exec', '--name', NAME, 'node/node-1', '--', 'node', '-e', code], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`Server exits ${code}`)));
  });
  return child;
}

const onClient = async (code, ...args) =>
  JSON.parse(await svclab('client', '--', 'node', '-e', code, ...args.map(String)));

const SERVER = `
const socket = require('dgram').createSocket('udp4');
socket.on('message', (m, from) => socket.send(m, from.port, from.address));
require('net').createServer((s) => { s.on('error', () => {}); s.resume(); }).listen(${SINK}, '0.0.0.0', () =>
  socket.bind(${ECHO}, () => console.log('serves')));
`;
/** Round trips of datagrams at a pace, ms. */
const PING = `
const [address, count, gap] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const socket = require('dgram').createSocket('udp4');
const at = [], rtts = [], start = process.hrtime.bigint();
const ms = () => Number(process.hrtime.bigint() - start) / 1e6;
const end = () => process.stdout.write(JSON.stringify({ sent: at.length, rtts }), () => process.exit(0));
socket.on('message', (m) => { rtts.push(ms() - at[m.readUInt32LE(0)]); if (rtts.length === count) end(); });
socket.bind(() => {
  try { socket.setRecvBufferSize(1 << 20); } catch {}
  const pace = setInterval(() => {
    while (at.length < count && at.length * gap <= ms()) {
      const m = Buffer.alloc(64);
      m.writeUInt32LE(at.length, 0);
      at.push(ms());
      socket.send(m, ${ECHO}, address);
    }
    if (at.length === count) { clearInterval(pace); setTimeout(end, 2000); }
  }, 1);
});
`;
/** Sends over one connection for some seconds; Mbit/s that went. */
const SEND = `
const [address, seconds] = [process.argv[1], Number(process.argv[2])];
const socket = require('net').connect(${SINK}, address);
const block = Buffer.alloc(1 << 18);
socket.on('connect', () => {
  const begin = process.hrtime.bigint();
  const ms = () => Number(process.hrtime.bigint() - begin) / 1e6;
  const fill = () => {
    while (ms() < seconds * 1000) if (!socket.write(block)) return void socket.once('drain', fill);
    const mbit = ((socket.bytesWritten - socket.writableLength) * 8) / ms() / 1000;
    process.stdout.write(JSON.stringify({ mbit }), () => process.exit(0));
  };
  fill();
});
`;

const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];
const f = (value) => value.toFixed(2);

/** What the process that held frames last said of itself. */
function counts() {
  const log = readFileSync(join(dir, NAME, 'supervisor.log'), 'utf8');
  return JSON.parse(JSON.parse(log.split('\n').findLast((line) => line.includes('"delay-ended"'))).counts);
}

function late() {
  const [p50, p95, max] = counts().late;
  return `p50 ${f(p50)}, p95 ${f(p95)}, max ${f(max)} ms late`;
}

/** Begins connections to a port where nobody listens, at a pace: the other kernel refuses each at once. */
const KNOCK = `
const [address, count, gap] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
let begun = 0, over = 0;
const knock = () => {
  begun += 1;
  require('net').connect(${CLOSED}, address).on('error', () => { if (++over === count) console.log('{}'); });
  if (begun === count) clearInterval(pace);
};
const pace = setInterval(knock, gap);
`;

/** Round trips between two kernels, ms: from a SYN to its RST, both stamped by the client's kernel, so that no program's turn counts. */
async function kernelRoundTrips(count, gap) {
  const args = ['--', 'tcpdump', '-l', '-n', '-tt', '-i', 'lan0', `tcp port ${CLOSED}`];
  const dump = spawn(process.execPath, [CLI, 'client', '--name', NAME, ...args], { env });
  let text = '';
  dump.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => {
    dump.stderr.on('data', (chunk) => {
      if (String(chunk).includes('listening on')) resolve();
    });
  });
  await onClient(KNOCK, NODE, count, gap);
  const ended = new Promise((resolve) => dump.once('close', resolve));
  dump.kill('SIGINT');
  await ended;
  const begun = new Map();
  const rtts = [];
  for (const line of text.split('\n')) {
    const [, at, from, to, flags] = /^(\S+) IP \S+\.(\d+) > \S+\.(\d+): Flags \[(\S+)\]/.exec(line) ?? [];
    if (flags === 'S') begun.set(from, Number(at));
    else if (flags === 'R.' && begun.has(to)) rtts.push((Number(at) - begun.get(to)) * 1000);
  }
  return rtts;
}

async function delayError(ms) {
  const plain = await kernelRoundTrips(500, 5);
  await svclab('fault delay', 'link/client-1-node-1', '--delay', `${ms}ms`, '--direction', 'to');
  const rtts = await kernelRoundTrips(1000, 5);
  await svclab('fault heal');
  const base = quantile(plain, 0.5);
  const off = rtts.map((rtt) => rtt - ms - base);
  const within = off.filter((o) => Math.abs(o) <= 1).length / off.length;
  rows.push([
    `delay of ${ms} ms, one way: error`,
    `median ${f(quantile(off, 0.5))} ms`,
    `p5 ${f(quantile(off, 0.05))}, p95 ${f(quantile(off, 0.95))}, max ${f(quantile(off, 1))} ms, ${(within * 100).toFixed(1)} % within 1 ms, n=${rtts.length}; undelayed round trip ${f(base)} ms, p95 ${f(quantile(plain, 0.95))} ms; the process itself ${late()}`,
  ]);
}

async function lostAround() {
  let [sent, got] = [0, 0];
  for (let n = 0; n < 5; n++) {
    const through = onClient(PING, NODE, 1000, 4);
    await svclab('fault delay', 'node/node-1', '--delay', '20ms');
    await svclab('fault heal');
    const { sent: s, rtts } = await through;
    sent += s;
    got += rtts.length;
  }
  rows.push(['datagrams lost while a delay begins and is healed, 250/s', `${sent - got} of ${sent}`, '5 times each']);
}

async function carried() {
  const plain = [];
  const held = [];
  for (let n = 0; n < 3; n++) {
    plain.push((await onClient(SEND, NODE, 3)).mbit);
    await svclab('fault delay', 'link/client-1-node-1', '--delay', '1ms');
    held.push((await onClient(SEND, NODE, 3)).mbit);
    await svclab('fault heal');
  }
  const between = (values) =>
    `${Math.round(quantile(values, 0.5))} Mbit/s, ${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))}`;
  rows.push(['one TCP connection, 1 ms each way', between(held), `undelayed ${between(plain)}, n=3 each`]);
}

/** Small datagrams at rising rates, as the process that holds them tells it: programs that send and answer them drown earlier. */
async function paced() {
  for (const perSecond of [2000, 5000, 10_000]) {
    await svclab('fault delay', 'link/client-1-node-1', '--delay', '5ms');
    await onClient(PING, NODE, perSecond * 2, 1000 / perSecond);
    await svclab('fault heal');
    const { lost, passed } = counts();
    rows.push([
      `${perSecond} datagrams/s and their answers, 5 ms each way`,
      `${lost} of ${lost + passed} lost`,
      `the process itself ${late()}`,
    ]);
  }
}

async function lossShare(percent) {
  await onClient(PING, NODE, 5, 10);
  await svclab('fault loss', 'node/node-1', '--percent', String(percent), '--direction', 'to');
  const { sent, rtts } = await onClient(PING, NODE, 5000, 0.5);
  await svclab('fault heal');
  const share = ((sent - rtts.length) / sent) * 100;
  const expected = 196 * Math.sqrt(((percent / 100) * (1 - percent / 100)) / sent);
  rows.push([`loss of ${percent} %, one way`, `${f(share)} %`, `n=${sent}; 95 % of runs within ${f(expected)}`]);
}

async function rateShare(mbit) {
  const kept = [];
  for (let n = 0; n < 3; n++) {
    await svclab('fault rate', 'node/node-1', '--rate', `${mbit}mbit`);
    kept.push((await onClient(SEND, NODE, 4)).mbit / mbit);
    await svclab('fault heal');
  }
  rows.push([
    `rate of ${mbit} Mbit/s: what one TCP connection gets of it`,
    f(quantile(kept, 0.5)),
    `${f(Math.min(...kept))} to ${f(Math.max(...kept))}, n=3; the sender's own buffer counts as sent`,
  ]);
}

let server;
try {
  await svclab('up', '--nodes', '2', '--profile', 'fast');
  server = await serve(SERVER);
  const parts = {
    delay: [...[10, 50, 200].map((ms) => () => delayError(ms)), lostAround, carried, paced],
    loss: [1, 30].map((percent) => () => lossShare(percent)),
    rate: [10, 100].map((mbit) => () => rateShare(mbit)),
  };
  const chosen = process.argv.slice(2);
  for (const part of (chosen.length > 0 ? chosen : Object.keys(parts)).flatMap((name) => parts[name] ?? [])) {
    await part();
    say(rows.at(-1).join(' | '));
  }
} finally {
  server?.kill('SIGINT');
  await svclab('down').catch((error) => say(String(error)));
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write(
  [
    `Delay by: ${delayMechanism().kind}`,
    '',
    '| what | figure | spread |',
    '|---|---|---|',
    ...rows.map((r) => `| ${r.join(' | ')} |`),
    '',
  ].join('\n'),
);
