import { type NatsTestServer, startNats } from '@svclab/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../process/log.ts';
import { type Bus, connectBus } from './bus.ts';

const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('Bus', () => {
  let server: NatsTestServer;
  const buses: Bus[] = [];
  beforeEach(async () => {
    server = await startNats();
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await server.stop();
  });
  const connectAs = async (user: string, wait = true): Promise<Bus> => {
    const bus = await connectBus({ servers: [server.url], user, password: 'x', name: user, log, wait });
    buses.push(bus);
    return bus;
  };

  it('delivers messages and answers requests', async () => {
    const [a, b] = [await connectAs('a'), await connectAs('b')];
    const seen: string[] = [];
    a.subscribe('svclab.news.*', (payload, subject) => seen.push(`${subject} ${text(payload)}`));
    a.serve('svclab.echo', async (payload) => payload);
    await (await a.connection()).flush();
    b.publish('svclab.news.x', bytes('hello'));
    expect(text(await b.request('svclab.echo', bytes('hi'), 5000))).toBe('hi');
    await until(() => seen.length > 0);
    expect(seen).toEqual(['svclab.news.x hello']);
    await expect(b.request('svclab.nobody', bytes(''), 5000)).rejects.toThrow(/no responders/i);
  });

  it('goes on after a handler that throws, and stops when asked', async () => {
    const [a, b] = [await connectAs('a'), await connectAs('b')];
    const seen: string[] = [];
    const end = a.subscribe('news', (payload) => {
      seen.push(text(payload));
      if (seen.length === 1) throw new Error('Handler is broken');
    });
    await (await a.connection()).flush();
    b.publish('news', bytes('1'));
    b.publish('news', bytes('2'));
    await until(() => seen.length === 2);
    end();
    await (await a.connection()).flush();
    b.publish('news', bytes('3'));
    await (await b.connection()).flush();
    await (await a.connection()).flush();
    expect(seen).toEqual(['1', '2']);
  });

  it('connects in the background: what was published and subscribed before is not lost', async () => {
    await server.signal('SIGKILL');
    const early = await connectAs('early', false);
    const seen: string[] = [];
    early.subscribe('to.early', (payload) => seen.push(text(payload)));
    const ended = early.subscribe('to.early', () => seen.push('ended'));
    ended();
    early.publish('from.early', bytes('started'));
    expect(early.connected).toBe(false);
    await expect(early.request('x', bytes(''), 20)).rejects.toThrow(/not connected/);
    await server.start();
    await early.connection();
    expect(early.connected).toBe(true);
    const late = await connectAs('late');
    late.publish('to.early', bytes('hello'));
    await until(() => seen.length > 0);
    expect(seen).toEqual(['hello']);
  });

  it('keeps subscriptions over a restart of the server and tells of its loss', async () => {
    const bus = await connectAs('a');
    const states: string[] = [];
    bus.onState((state) => states.push(state));
    bus.serve('echo', async (payload) => payload);
    await server.signal('SIGKILL');
    await until(() => !bus.connected);
    await server.start();
    await until(() => bus.connected);
    expect(states[0]).toBe('lost');
    expect(states.at(-1)).toBe('restored');
    const other = await connectAs('b');
    expect(text(await other.request('echo', bytes('again'), 5000))).toBe('again');
  });

  it('notices a server that stands still', async () => {
    const bus = await connectAs('a');
    await server.signal('SIGSTOP');
    await until(() => !bus.connected);
    await server.signal('SIGCONT');
    await until(() => bus.connected);
  });

  it('resolves `closed` when it is closed, connected or not', async () => {
    const bus = await connectAs('a');
    await bus.close();
    expect(await bus.closed).toBeUndefined();
    await server.signal('SIGKILL');
    const never = await connectAs('b', false);
    await never.close();
    expect(await never.closed).toBeUndefined();
    await expect(never.connection()).rejects.toThrow(/closed/);
  });
});
