import { createServer } from 'node:net';
import { createNetns, listenIn, type Netns, seededRandom, systemClock, udpSocketIn } from '@svclab/runtime';
import packet from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Resolver } from './resolver.ts';

const zone: Record<string, string[]> = {
  'api.shop.svc.cluster.local': ['10.96.0.7'],
  'db.shop.svc.cluster.local': ['10.244.1.2', '10.244.2.2'],
  'big.shop.svc.cluster.local': ['10.244.9.9'],
};

function answer(message: Buffer, udp: boolean): Buffer {
  const query = packet.decode(message);
  const name = query.questions?.[0]?.name ?? '';
  const truncated = udp && name.startsWith('big.');
  const rcode = name === 'broken' ? 2 : zone[name] ? 0 : 3;
  return packet.encode({
    id: query.id ?? 0,
    type: 'response',
    flags: rcode | (truncated ? packet.TRUNCATED_RESPONSE : 0),
    questions: query.questions ?? [],
    answers: truncated ? [] : (zone[name] ?? []).map((data) => ({ type: 'A', name, data }) as const),
  });
}

describe('Resolver', () => {
  let ns: Netns;
  let asked: string[];
  let close: () => void;

  beforeEach(() => {
    ns = createNetns();
    asked = [];
    const udp = udpSocketIn(ns, { port: 53, address: '127.0.0.53' });
    udp.on('message', (m, from) => {
      asked.push(packet.decode(m).questions?.[0]?.name ?? '');
      udp.send(answer(m, true), from.port, from.address);
    });
    const tcp = createServer((socket) =>
      socket.on('data', (data) => {
        const message = answer(data.subarray(2), false);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(message.length);
        socket.end(Buffer.concat([length, message]));
      }),
    );
    listenIn(ns, tcp, { port: 53 });
    close = () => {
      udp.close();
      tcp.close();
      ns.close();
    };
  });
  afterEach(() => close());

  const resolver = (nameservers: string[], timeout = 5000): Resolver =>
    new Resolver({
      netns: ns,
      config: { nameservers, searches: ['shop.svc.cluster.local', 'cluster.local'], ndots: 5, timeout, attempts: 2 },
      hosts: new Map([['localhost', '127.0.0.1']]),
      clock: systemClock,
      random: seededRandom(1),
    });

  it('finds a short name by the search path, from inside the namespace', async () => {
    expect(await resolver(['127.0.0.53']).resolve('api')).toEqual(['10.96.0.7']);
    expect(asked).toEqual(['api.shop.svc.cluster.local']);
    expect(await resolver(['127.0.0.53']).resolve('db')).toEqual(['10.244.1.2', '10.244.2.2']);
  });

  it('takes a whole name last, and a trailing dot at once', async () => {
    const r = resolver(['127.0.0.53']);
    await r.resolve('api.shop.svc.cluster.local');
    expect(asked).toHaveLength(3);
    asked = [];
    await r.resolve('api.shop.svc.cluster.local.');
    expect(asked).toEqual(['api.shop.svc.cluster.local']);
  });

  it('asks over TCP when the answer was cut', async () => {
    expect(await resolver(['127.0.0.53']).resolve('big')).toEqual(['10.244.9.9']);
  });

  it('reads /etc/hosts first', async () => {
    expect(await resolver([]).resolve('localhost')).toEqual(['127.0.0.1']);
    expect(asked).toEqual([]);
  });

  it('says which it was: no such name, or nobody who knows', async () => {
    await expect(resolver(['127.0.0.53']).resolve('nothing')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(asked).toEqual(['nothing.shop.svc.cluster.local', 'nothing.cluster.local', 'nothing']);
    await expect(resolver(['127.0.0.53']).resolve('broken')).rejects.toThrow(/SERVFAIL/);
    await expect(resolver([]).resolve('api')).rejects.toMatchObject({ code: 'EAI_AGAIN' });
    await expect(resolver(['127.0.0.54']).resolve('api')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('goes to the next nameserver when one says it cannot help', async () => {
    const refusing = udpSocketIn(ns, { port: 53, address: '127.0.0.55' });
    refusing.on('message', (m, from) => {
      const { id = 0, questions = [] } = packet.decode(m);
      refusing.send(packet.encode({ id, type: 'response', flags: 5, questions }), from.port, from.address);
    });
    expect(await resolver(['127.0.0.55', '127.0.0.53']).resolve('api')).toEqual(['10.96.0.7']);
    await expect(resolver(['127.0.0.55']).resolve('api')).rejects.toThrow(/REFUSED/);
    refusing.close();
  });

  it('goes to the next nameserver when one is silent', async () => {
    const silent = udpSocketIn(ns, { port: 53, address: '127.0.0.55' });
    expect(await resolver(['127.0.0.55', '127.0.0.53'], 20).resolve('api')).toEqual(['10.96.0.7']);
    await expect(resolver(['127.0.0.55'], 20).resolve('api')).rejects.toThrow(/did not answer within 20 ms/);
    silent.close();
  });
});
