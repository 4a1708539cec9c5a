/** The controller: the Kubernetes API, and what keeps its objects true. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ElectionTimes, FencedStore, Knobs, Store } from '@svclab/core';
import { type ClosableCache, ConfigError, openStore, type ProcessContext, runProcess } from '@svclab/runtime';
import { NodeAgents } from './api/node-agents.ts';
import { startApiServer } from './api/server.ts';
import { readControllerConfig } from './config.ts';
import { startLeading } from './leadership/lead.ts';
import { Leadership, type Led, type Term } from './leadership/leadership.ts';
import { ControllerMetrics, objectMetrics } from './metrics.ts';
import { labRegistry, openRegistry, prepareCluster } from './registry/open-registry.ts';
import type { Registry } from './registry/registry.ts';

interface Opened {
  readonly store: FencedStore;
  readonly cache: ClosableCache;
  readonly shown: ControllerMetrics;
}

async function main(context: ProcessContext): Promise<void> {
  const { config, log, clock, metrics, bus } = context;
  const own = readControllerConfig(process.env);
  const shown = new ControllerMetrics(metrics, clock);
  const store = await openStore(bus, {
    log,
    clock,
    metrics,
    epochFile: join(config.runDir, 'store-epoch'),
    replicas: config.lab.natsServers.length,
  });
  const opened = { ...store, shown };
  context.onStop(() => opened.cache.close());
  const isOnly = apiAddresses(context).length < 2;
  const registry = isOnly ? await leadAlone(context, opened) : standForElection(context, opened);
  objectMetrics(metrics, { cache: opened.cache, definitions: registry.definitions });
  const streams = new NodeAgents(registry, config.token);
  const api = await startApiServer({ registry, clock, log, metrics, streams, ...own });
  context.onStop(async () => {
    await api.close();
    streams.close();
  });
  log.info({ event: 'api-listening', port: api.port });
  context.ready();
}

const apiAddresses = ({ config }: ProcessContext): readonly string[] =>
  config.lab.hosts.flatMap((h) => (h.role === 'controller' && h.controlIP ? [h.controlIP] : []));

const registryOptions = (context: ProcessContext, { cache }: Opened, store: Store) => {
  const { clock, random, config } = context;
  return { store, cache, clock, random, uuid: randomUUID, lab: config.lab };
};

/** The only controller leads from the start, without a lease: nobody else could. */
async function leadAlone(context: ProcessContext, opened: Opened): Promise<Registry> {
  const { log, timeline, config } = context;
  const registry = await openRegistry({
    ...registryOptions(context, opened, opened.store),
    onRepair: (repaired) => log.info({ event: 'allocations-repaired', ...repaired }),
  });
  timeline.stamp('leader.elected', { cause: 'only controller', attrs: { term: '0', identity: config.host.name } });
  const led = lead(context, opened, registry, { leads: () => true, prepare: () => Promise.resolve() });
  context.onStop(() => led.stop());
  return registry;
}

/** One of several controllers: its API server writes as anybody may, its control loops only while it leads and through the fence. */
function standForElection(context: ProcessContext, opened: Opened): Registry {
  const { clock, random, log, timeline, config } = context;
  const leadTerm = (term: Term): Led => {
    const registry = labRegistry(registryOptions(context, opened, term.store));
    return lead(context, opened, registry, { leads: term.holds, prepare: () => prepareCluster(registry, config.lab) });
  };
  const identity = `${config.host.name}_${randomUUID()}`;
  const times = electionTimes(config.lab.knobs);
  const common = { ...opened, clock, random, log, timeline };
  const leadership = new Leadership({ ...common, identity, uid: randomUUID(), times, lead: leadTerm });
  context.onStop(() => leadership.stop());
  return labRegistry(registryOptions(context, opened, opened.store));
}

function lead(
  context: ProcessContext,
  { shown }: Opened,
  registry: Registry,
  how: { readonly leads: () => boolean; readonly prepare: () => Promise<void> },
): Led {
  const { bus, clock, log, timeline, config } = context;
  const addresses = apiAddresses(context);
  shown.leads = how.leads;
  const common = { registry, bus, clock, log, timeline, knobs: config.lab.knobs, queues: shown.queues };
  return startLeading({ ...common, ...how, apiAddresses: addresses, severalApis: addresses.length > 1 });
}

function electionTimes(knobs: Knobs): ElectionTimes {
  return {
    leaseMs: knobs['election.leaseDuration'],
    renewMs: knobs['election.renewDeadline'],
    retryMs: knobs['election.retryPeriod'],
  };
}

try {
  await runProcess('controller', main);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`controller: ${error.message}\n`);
  process.exit(2);
}
