import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess, serveGrpc } from '@svclab/runtime';
import { PodHostServiceDefinition } from '@svclab/wire';
import { podHostMetrics } from './metrics.ts';
import { PodTable } from './pod/pod-table.ts';
import { podHostService } from './service.ts';

await runProcess(
  'pod-host',
  async ({ config, log, clock, metrics, random, ready, onStop }) => {
    const filesDir = join(config.runDir, 'pods');
    rmSync(filesDir, { recursive: true, force: true });
    const table = new PodTable({
      node: config.host.name,
      domain: config.lab.domain,
      startupDelay: config.lab.knobs['pods.startupDelay'],
      clock,
      random,
      log,
    });
    podHostMetrics(metrics, table);
    const server = await serveGrpc(
      { listen: `unix:${join(config.runDir, 'pod-host.sock')}`, token: config.token, log },
      [[PodHostServiceDefinition, podHostService({ table, clock, filesDir })]],
    );
    onStop(() => server.close());
    ready();
  },
  { waitForBus: false },
);
