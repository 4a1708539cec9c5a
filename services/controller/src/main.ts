/** The controller: the Kubernetes API, and what keeps its objects true. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, openStore, type ProcessContext, runProcess } from '@svclab/runtime';
import { NodeAgents } from './api/node-agents.ts';
import { startApiServer } from './api/server.ts';
import { readControllerConfig } from './config.ts';
import { startReconcilers } from './reconcilers/start.ts';
import { openRegistry } from './registry/open-registry.ts';
import { serveReports } from './reports/serve.ts';

async function main(context: ProcessContext): Promise<void> {
  const { config, log, clock, random, bus } = context;
  const own = readControllerConfig(process.env);
  const { store, cache } = await openStore(bus, { log, clock, epochFile: join(config.runDir, 'store-epoch') });
  context.onStop(() => cache.close());
  const registry = await openRegistry({
    store,
    cache,
    clock,
    random,
    uuid: randomUUID,
    lab: config.lab,
    onRepair: (repaired) => log.info({ event: 'allocations-repaired', ...repaired }),
  });
  const reconcilers = startReconcilers({
    registry,
    bus,
    clock,
    log,
    timeline: context.timeline,
    knobs: config.lab.knobs,
    ...(config.host.controlIP ? { apiAddress: config.host.controlIP } : {}),
  });
  context.onStop(() => reconcilers.stop());
  const reports = serveReports({
    registry,
    bus,
    log,
    recorder: reconcilers.recorder,
    heartbeats: reconcilers.heartbeats,
  });
  context.onStop(() => reports.stop());
  const streams = new NodeAgents(config.lab, config.token);
  const api = await startApiServer({ registry, clock, log, streams, pki: own.pki, listen: own.listen });
  context.onStop(async () => {
    await api.close();
    streams.close();
  });
  log.info({ event: 'api-listening', port: api.port });
  context.ready();
}

try {
  await runProcess('controller', main);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`controller: ${error.message}\n`);
  process.exit(2);
}
