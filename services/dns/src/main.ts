/** The cluster DNS server: watches Services, EndpointSlices and Namespaces, answers from its own copy of them. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import {
  answerQuestion,
  DNS_RESOURCES,
  HeldChanges,
  PORTS,
  RecordIndex,
  SUBJECTS,
  soaRecord,
  type ZoneOptions,
} from '@svclab/core';
import { openCache, type ProcessContext, runProcess, serveGrpc } from '@svclab/runtime';
import { DnsControlServiceDefinition, DnsHeartbeat } from '@svclab/wire';
import { DnsFaults, dnsControlService } from './faults.ts';
import { lanAddress } from './lan-address.ts';
import { programmingMetrics, questionMetrics } from './metrics.ts';
import { serveDns } from './server.ts';

/** Port of DNS (RFC 1035). */
const DNS_PORT = 53;

async function main(context: ProcessContext): Promise<void> {
  const { bus, clock, config, log, metrics, random } = context;
  const { lab, host } = config;
  const index = new RecordIndex();
  let synced = false;
  let serial = Math.floor(clock.wall() / 1000);
  const zone = (): ZoneOptions => ({
    zone: lab.domain.toLowerCase(),
    ttl: Math.round(lab.knobs['dns.ttl'] / 1000),
    serial,
    nameServer: lab.dnsIP,
  });
  const programmed = programmingMetrics(metrics, {
    clock,
    service: (namespace, name) => index.service(namespace, name),
  });
  const changes = new HeldChanges((event) => {
    index.apply(event);
    programmed(event);
    serial = Math.floor(clock.wall() / 1000);
  });
  const faults = new DnsFaults({ changes, random, soa: () => soaRecord(zone().zone, zone()) });

  const server = await serveDns({
    port: DNS_PORT,
    random,
    clock,
    log,
    onServed: questionMetrics(metrics, clock),
    fate: (question) => faults.fate(question, synced ? answerQuestion(index, question, zone()) : undefined),
  });
  context.onStop(() => server.close());
  const control = await serveGrpc({ listen: `${host.controlIP}:${PORTS.dns}`, token: config.token, log }, [
    [DnsControlServiceDefinition, dnsControlService(faults, { clock, log })],
  ]);
  context.onStop(() => control.close());

  const cache = await openCache(bus, {
    resources: [...DNS_RESOURCES],
    log,
    clock,
    metrics,
    epochFile: join(config.runDir, 'dns.epoch'),
  });
  context.onStop(() => cache.close());
  for (const ref of DNS_RESOURCES)
    for (const object of cache.list(ref))
      index.apply({
        type: 'ADDED',
        key: { ...ref, namespace: object.metadata.namespace ?? '', name: object.metadata.name },
        object,
        revision: cache.revision,
      });
  cache.subscribe((event) => changes.push(event));
  synced = true;

  const own = host.lanIP ?? '';
  let told: string | undefined = own;
  const publish = (ip: string, ready: boolean): void =>
    bus.publish(
      SUBJECTS.dnsHeartbeat(host.name),
      DnsHeartbeat.encode({ host: host.name, ip, ready, atNs: clock.nowNs() }).finish(),
    );
  const beat = (serving: boolean): void => {
    const local = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const ip = serving ? lanAddress(local, own, lab.lanCIDR) : undefined;
    if (serving && ip !== told)
      log.warn({ event: 'lan-address', reason: `LAN address is ${ip ?? 'missing'}, was ${told ?? 'missing'}` });
    if (told !== undefined && ip !== told) publish(told, false);
    if (ip !== undefined) publish(ip, true);
    told = ip;
  };
  beat(true);
  const stop = clock.every(lab.knobs['dns.heartbeatInterval'], () => beat(true));
  context.onStop(() => {
    stop();
    beat(false);
  });
  context.ready();
}

// Without the bus it answers SERVFAIL, which resolvers understand at once, instead of nothing, for which they wait.
await runProcess('dns', main, { waitForBus: false });
