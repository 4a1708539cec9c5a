import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnnouncerServiceDefinition, type AnnouncerServiceImplementation, LabServiceDefinition } from '@svclab/wire';
import { ClientError, ServerError, Status } from 'nice-grpc-common';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../process/log.ts';
import { type GrpcClient, grpcClient } from './client.ts';
import { type GrpcServer, serveGrpc } from './server.ts';

type Announcer = GrpcClient<typeof AnnouncerServiceDefinition>;

const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'svclab-grpc-'));
  stops.push(() => rmSync(folder, { recursive: true, force: true }));
  return `unix:${folder}/a.sock`;
}

async function serve(listen: string, getState: AnnouncerServiceImplementation['getState']): Promise<GrpcServer> {
  const server = await serveGrpc({ listen, token: 'right', log }, [[AnnouncerServiceDefinition, { getState }]]);
  stops.push(() => server.close());
  return server;
}

function client(address: string, token = 'right'): Announcer {
  const made = grpcClient(AnnouncerServiceDefinition, address, { token });
  stops.push(() => made.close());
  return made;
}

async function failure(call: Promise<unknown>): Promise<ClientError> {
  const error = await call.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

describe('gRPC over a socket', () => {
  it('carries calls over a Unix socket and over TCP', async () => {
    const path = socketPath();
    await serve(path, async () => ({ node: 'over unix' }));
    const tcp = await serve('127.0.0.1:0', async () => ({ node: 'over tcp' }));
    expect((await client(path).getState({})).node).toBe('over unix');
    expect((await client(`127.0.0.1:${tcp.port}`).getState({})).node).toBe('over tcp');
  });

  it('refuses calls without the right token', async () => {
    const path = socketPath();
    await serve(path, async () => ({}));
    expect((await failure(client(path, 'wrong').getState({}))).code).toBe(Status.UNAUTHENTICATED);
    expect((await failure(client(path, '').getState({}))).code).toBe(Status.UNAUTHENTICATED);
  });

  it('hands on ServerError and turns other errors into INTERNAL with their message', async () => {
    const path = socketPath();
    const errors: unknown[] = [new ServerError(Status.NOT_FOUND, 'No such pod'), new Error('Disk is full')];
    await serve(path, async () => {
      throw errors.shift();
    });
    const first = await failure(client(path).getState({}));
    expect([first.code, first.details]).toEqual([Status.NOT_FOUND, 'No such pod']);
    const second = await failure(client(path).getState({}));
    expect([second.code, second.details]).toEqual([Status.INTERNAL, 'Disk is full']);
  });

  it('answers UNIMPLEMENTED for a service it does not have', async () => {
    const path = socketPath();
    await serve(path, async () => ({}));
    const lab = grpcClient(LabServiceDefinition, path, { token: 'right' });
    stops.push(() => lab.close());
    expect((await failure(lab.status({}))).code).toBe(Status.UNIMPLEMENTED);
  });

  it('ends a call at its timeout', async () => {
    const path = socketPath();
    await serve(
      path,
      (_, context) => new Promise((resolve) => context.signal.addEventListener('abort', () => resolve({}))),
    );
    expect((await failure(client(path).getState({}, { timeoutMs: 50 }))).code).toBe(Status.DEADLINE_EXCEEDED);
  });

  it('takes a stale socket file over and reconnects to a restarted server', async () => {
    const path = socketPath();
    const first = await serve(path, async () => ({ node: 'first' }));
    const caller = client(path);
    expect((await caller.getState({})).node).toBe('first');
    await first.close();
    await serve(path, async () => ({ node: 'second' }));
    let answer = '';
    while (answer === '')
      answer = await caller.getState({}).then(
        (r) => r.node,
        () => '',
      );
    expect(answer).toBe('second');
  });

  it('closes although a call is running', async () => {
    const path = socketPath();
    let started: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const server = await serve(path, (_, context) => {
      started();
      return new Promise((resolve) => context.signal.addEventListener('abort', () => resolve({})));
    });
    const call = failure(client(path).getState({}));
    await running;
    await server.close();
    expect([Status.CANCELLED, Status.UNAVAILABLE]).toContain((await call).code);
  });

  it('rejects when the address is taken', async () => {
    const first = await serve('127.0.0.1:0', async () => ({}));
    await expect(serve(`127.0.0.1:${first.port}`, async () => ({}))).rejects.toThrow(/EADDRINUSE|bind/);
  });
});
