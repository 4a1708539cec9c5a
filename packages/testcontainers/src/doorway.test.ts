import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Doorway } from './doorway.ts';

const TOKEN = 'token-of-the-test';
let echo: TcpServer;
let lab: Server;
let doorway: Doorway;
/** What the lab was asked to connect to. */
let asked: string[];

beforeEach(async () => {
  asked = [];
  echo = createTcpServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  // A lab whose only Service is `echo`.
  lab = createServer().listen(0, '127.0.0.1');
  lab.on('connect', (request, socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization']}`);
    const end = (status: string, body: string): void =>
      void socket.end(`HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    if (request.url?.startsWith('missing')) return end('400 Bad Request', '{"error":"missing"}');
    if (request.url?.startsWith('dark')) return end('502 Bad Gateway', '{}');
    const inside = connect((echo.address() as AddressInfo).port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(inside).pipe(socket);
    });
  });
  await Promise.all([once(echo, 'listening'), once(lab, 'listening')]);
  const { port } = lab.address() as AddressInfo;
  doorway = await Doorway.open(() => ({ url: `http://127.0.0.1:${port}`, token: TOKEN }));
});
afterEach(() => {
  doorway.close();
  echo.close();
  lab.close();
});

describe('Doorway', () => {
  it('gives each target one port', () => {
    const ports = Array.from({ length: 10 }, (_, i) => doorway.port(`web-${i}.default`));
    expect(new Set(ports).size).toBe(10);
    expect(doorway.port('web-3.default')).toBe(ports[3]);
    expect(doorway.targetOf(ports[3] ?? 0)).toBe('web-3.default');
    expect(doorway.targetOf(1)).toBeUndefined();
  });

  it('carries bytes both ways, for each connection anew', async () => {
    const port = doorway.port('echo.default:7');
    for (const text of ['one', 'two']) {
      const socket = connect(port, '127.0.0.1');
      socket.write(text);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      expect(chunk.toString()).toBe(text);
      socket.destroy();
    }
    expect(asked).toEqual(Array(2).fill(`echo.default:7 Bearer ${TOKEN}`));
  });

  it('says over HTTP what the test got wrong', async () => {
    const response = await fetch(`http://127.0.0.1:${doorway.port('missing.default')}/`);
    expect(response.status).toBe(502);
    expect(await response.json()).toEqual({ error: 'missing' });
  });

  it('breaks a connection that cannot be made inside', async () => {
    const socket = connect(doorway.port('dark.default'), '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('is shut after close', async () => {
    const port = doorway.port('echo.default');
    doorway.close();
    const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect(() => doorway.port('other.default')).toThrow(/has been stopped/);
  });
});
