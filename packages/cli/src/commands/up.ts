import type { Command } from 'commander';
import { exitWith, root, say } from '../context.ts';
import { driverOption, keyValue, nameOption, portNumber, wholeNumber } from '../options.ts';

interface UpFlags {
  readonly name?: string;
  readonly nodes?: number;
  readonly driver: 'netns' | 'docker';
  readonly profile?: string;
  readonly podNetwork?: string;
  readonly set: Readonly<Record<string, string>>;
  readonly apiPort?: number;
  readonly lan?: string;
  readonly control?: string;
  readonly build?: boolean;
  readonly timeout: number;
  readonly ha?: boolean;
  readonly file?: string;
  readonly metrics?: boolean;
}

const DEFAULT_NODES = 3;

/** `svclab up`. */
export function addUp(parent: Command): void {
  parent
    .command('up')
    .description('start a lab and wait until it is ready')
    .addHelpText(
      'before',
      'Examples:\n  svclab up\n  svclab up --nodes 5 --profile fast --set membership.probeInterval=50ms\n',
    )
    .addOption(nameOption())
    .option('--nodes <n>', `number of nodes, 1 to 90 (default: ${DEFAULT_NODES})`, wholeNumber)
    .addOption(driverOption())
    .option('--profile <profile>', 'timers: realistic (the real defaults) or fast (default: realistic)')
    .option(
      '--pod-network <kind>',
      'packets between pods of different nodes: direct (routes) or vxlan (inside UDP) (default: direct with netns, vxlan with docker)',
    )
    .option('--set <knob=value>', 'one knob on top of the profile; may be repeated', keyValue, {})
    .option('--metrics', 'each process serves its metrics for Prometheus on the control network')
    .option(
      '--api-port <port>',
      'port of the Kubernetes API on 127.0.0.1; 0 takes a free one (default: 0; in Docker 6443)',
      portNumber,
    )
    .option('--lan <a.b.c>', 'first three numbers of the node LAN, a /24 (default: 172.30.0)')
    .option('--control <a.b.c>', 'first three numbers of the control network, a /24 (default: 172.30.1)')
    .option('--build', 'build the image anew (docker)')
    .option('--timeout <seconds>', 'longest wait for the lab to be ready', wholeNumber, 60)
    .option('--ha', 'three NATS servers and three controllers, of which one leads')
    .option('-f, --file <lab.yaml>', 'a lab file: nodes, profile, podNetwork, set, ha, metrics')
    .action(run);
}

async function run(flags: UpFlags): Promise<void> {
  const { DOCKER_API_PORT, labName, readLabFile, startLab } = await import('@svclab/lab');
  const { driver } = flags;
  const file = flags.file === undefined ? {} : readLabFile(flags.file);
  const podNetwork = flags.podNetwork ?? file.podNetwork;
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  const metrics = flags.metrics ?? file.metrics;
  const began = performance.now();
  const lab = await startLab({
    root: root(),
    name: labName({ driver, name: flags.name }),
    driver,
    nodes: flags.nodes ?? file.nodes ?? DEFAULT_NODES,
    profile: flags.profile ?? file.profile ?? 'realistic',
    ...(podNetwork === undefined ? {} : { podNetwork }),
    set: { ...file.set, ...flags.set },
    ha: flags.ha ?? file.ha ?? false,
    ...(metrics === undefined ? {} : { metrics }),
    apiPort: flags.apiPort ?? (driver === 'docker' ? DOCKER_API_PORT : 0),
    ...(flags.lan === undefined ? {} : { lan: flags.lan }),
    ...(flags.control === undefined ? {} : { control: flags.control }),
    build: flags.build === true,
    timeoutMs: flags.timeout * 1000,
    progress: say,
    signal: abort.signal,
  });
  const name = `${driver === 'docker' ? ' --driver docker' : ''}${flags.name === undefined ? '' : ` --name ${flags.name}`}`;
  say(`Lab ${lab.name} is ready after ${((performance.now() - began) / 1000).toFixed(1)} s. Next:`);
  say(`  export KUBECONFIG=$(svclab kubeconfig${name})`);
  say('  kubectl get nodes');
  say(`  svclab down${name}`);
  lab.close();
  exitWith(0);
}
