import { once } from 'node:events';
import { request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer, type Server as TcpServer } from 'node:net';
import { createLogger } from '@svclab/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { badInput } from '../state/errors.ts';
import type { Dialer } from './dial.ts';
import { authorized, endpoint, matchPath } from './endpoint.ts';

const TOKEN = 'token-of-the-test';
const bearer = { authorization: `Bearer ${TOKEN}` };
let inside: TcpServer;
let server: Server;
let url: string;

beforeEach(async () => {
  // What the lab leads to: an HTTP server that says what it was asked.
  inside = createServer((socket) => {
    socket.once('data', (chunk) => {
      const [line] = chunk.toString().split('\r\n');
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${line?.length}\r\nconnection: close\r\n\r\n${line}`);
    });
  }).listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const dialer = {
    door: async (authority: string) => {
      if (authority.startsWith('missing')) throw badInput(`Service ${authority} does not exist`);
      return { from: 'client-1', address: authority, port: 80 };
    },
    connect: async ({ address }: { address: string }) => {
      if (address.startsWith('dark')) throw new Error('dark:80 does not answer');
      const socket = connect((inside.address() as AddressInfo).port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
  } as unknown as Dialer;
  server = endpoint({
    token: TOKEN,
    dialer,
    log: createLogger({ component: 'test', host: 'lab', level: 'silent' }),
    routes: [
      {
        method: 'POST',
        path: '/v1/echo/:word',
        answer: ({ params, query, body }) => ({ params, q: query.get('q'), body }),
      },
      { method: 'GET', path: '/v1/text', answer: () => 'text' },
      { method: 'GET', path: '/v1/none', answer: () => undefined },
      { method: 'GET', path: '/v1/json', answer: () => JSON.parse('{') },
      {
        method: 'GET',
        path: '/v1/mend',
        answer: () => {
          throw badInput('Mend it');
        },
      },
    ],
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  inside.close();
});

const ask = (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, { headers: bearer, ...init });

describe('endpoint', () => {
  it('answers a route with its parameters, query and body', async () => {
    const response = await ask('/v1/echo/a%20b?q=1', { method: 'POST', body: 'hello' });
    expect(await response.json()).toEqual({ params: { word: 'a b' }, q: '1', body: 'hello' });
    expect(await (await ask('/v1/text')).text()).toBe('text');
  });

  it.each([
    ['GET', '/v1/echo/a', 404, 'There is no GET /v1/echo/a'],
    ['GET', '/v1/none', 404, 'Not found'],
    ['GET', '/v1/mend', 400, 'Mend it'],
    ['GET', '/v1/json', 400, /^Body is no JSON/],
  ])('%s %s is %i', async (method, path, status, error) => {
    const response = await ask(path, { method });
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: string }).error).toMatch(error);
  });

  it('asks for the token, but for its health', async () => {
    expect((await fetch(`${url}/v1/text`)).status).toBe(401);
    expect((await fetch(`${url}/v1/text`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n');
  });

  it('refuses a body that is too large', async () => {
    const response = await ask('/v1/echo/a', { method: 'POST', body: 'x'.repeat((8 << 20) + 1) });
    expect(response.status).toBe(400);
  });

  it.each([
    ['web.shop', 200, ''],
    ['missing.shop', 400, 'Service missing.shop does not exist'],
    ['dark.shop', 502, 'dark:80 does not answer'],
  ])('CONNECT %s is %i', async (authority, status, error) => {
    const [code, body] = await tunnel(authority, { 'proxy-authorization': `Bearer ${TOKEN}` });
    expect(code).toBe(status);
    expect(body).toContain(error === '' ? 'GET /path HTTP/1.1' : error);
  });

  it('CONNECT without the token is 407', async () => {
    expect((await tunnel('web.shop', {}))[0]).toBe(407);
  });

  it('is a proxy for plain requests', async () => {
    const basic = `Basic ${Buffer.from(`lab:${TOKEN}`).toString('base64')}`;
    const call = request(url, {
      path: 'http://web.shop/path?q=1',
      headers: { 'proxy-authorization': basic },
      agent: false,
    });
    call.end();
    const [response] = (await once(call, 'response')) as [AsyncIterable<Buffer>];
    let text = '';
    for await (const chunk of response) text += chunk;
    expect(text).toBe('GET /path?q=1 HTTP/1.1');
  });
});

/** Opens a tunnel and sends a request through it; resolves with the tunnel's status and what came back. */
async function tunnel(authority: string, headers: Record<string, string>): Promise<[number, string]> {
  const call = request(url, { method: 'CONNECT', path: authority, headers, agent: false });
  call.end();
  const [response, socket, head] = (await once(call, 'connect')) as [
    { statusCode: number },
    import('node:net').Socket,
    Buffer,
  ];
  if (response.statusCode === 200) socket.write('GET /path HTTP/1.1\r\nhost: web\r\n\r\n');
  let text = head.toString();
  for await (const chunk of socket) text += chunk;
  return [response.statusCode, text];
}

describe('matchPath', () => {
  it.each([
    ['/v1/a/:id/end', '/v1/a/7/end', { id: '7' }],
    ['/v1/a', '/v1/a', {}],
    ['/v1/a', '/v1/a/', undefined],
    ['/v1/a/:id', '/v1/b/7', undefined],
  ])('%s and %s', (pattern, path, params) => {
    expect(matchPath(pattern, path)).toEqual(params);
  });
});

describe('authorized', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  it.each([
    [{ authorization: `Bearer ${TOKEN}` }, true],
    [{ authorization: `bearer ${TOKEN}` }, true],
    [{ 'proxy-authorization': basic(`lab:${TOKEN}`) }, true],
    [{ 'proxy-authorization': basic(TOKEN) }, true],
    [{ authorization: 'Bearer' }, false],
    [{ authorization: `Bearer ${TOKEN}x` }, false],
    [{ 'proxy-authorization': basic(`${TOKEN}:`) }, false],
    [{}, false],
  ])('%o is %s', (headers, wanted) => {
    expect(authorized({ headers }, TOKEN)).toBe(wanted);
  });
});
