import { type Command, InvalidArgumentError } from 'commander';
import { print, say, table, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption, wholeNumber } from '../options.ts';

type Flags = LabFlags & { readonly output: string };

/** `svclab node add|remove|list`. */
export function addNode(parent: Command): void {
  const node = parent
    .command('node')
    .description('add nodes to a running lab, or take them away')
    .addHelpText(
      'before',
      'Examples:\n  svclab node add --count 2\n  svclab node remove node-2\n  svclab node remove node-3 --force\n  svclab node list\n',
    );
  common(node.command('add').description('add nodes and wait until they are Ready'))
    .option('--count <n>', 'how many', wholeNumber, 1)
    .option('--timeout <seconds>', 'longest wait for them to be Ready', seconds, 60)
    .action(add);
  common(node.command('remove').description('drain a node, let its announcer take its leave, and take it away'))
    .argument('<node>', 'its name, such as node-2')
    .option('--force', 'power it off at once and delete it; also for a node that is down')
    .option('--timeout <seconds>', 'longest wait for its pods to end', seconds, 30)
    .action(remove);
  common(node.command('list').description('the nodes of a lab')).action(list);
}

function common(command: Command): Command {
  return command.addOption(nameOption()).addOption(driverOption()).addOption(outputOption());
}

/** `30`, `30s`, `2m` */
function seconds(text: string): number {
  const match = /^(\d+)(s|m)?$/.exec(text);
  if (!match) throw new InvalidArgumentError('Give a duration such as 30s or 2m.');
  return Number(match[1]) * (match[2] === 'm' ? 60 : 1);
}

async function add(flags: Flags & { count: number; timeout: number }): Promise<void> {
  await withLab(flags, async (lab) => {
    const { addNodes } = await import('@svclab/lab');
    const nodes = await addNodes(lab, {
      count: flags.count,
      timeoutMs: flags.timeout * 1000,
      progress: say,
      signal: interruption(),
    });
    const value = nodes.map((n) => ({ name: n.name, ip: n.lanIp, control_ip: n.controlIp, pod_cidr: n.podCidr }));
    print(flags.output, value, () => nodes.map((n) => n.name).join('\n'));
  });
}

async function remove(name: string, flags: Flags & { force?: boolean; timeout: number }): Promise<void> {
  await withLab(flags, async (lab) => {
    const { removeNode } = await import('@svclab/lab');
    const began = performance.now();
    await removeNode(lab, name, {
      force: flags.force ?? false,
      timeoutMs: flags.timeout * 1000,
      progress: say,
      signal: interruption(),
    });
    const took = performance.now() - began;
    print(
      flags.output,
      { name, forced: flags.force ?? false, took_ms: Math.round(took) },
      () => `${name} removed after ${(took / 1000).toFixed(1)} s`,
    );
  });
}

async function list(flags: Flags): Promise<void> {
  await withLab(flags, async (lab) => {
    const { listNodes } = await import('@svclab/lab');
    const nodes = await listNodes(lab);
    const value = nodes.map((n) => ({
      name: n.name,
      ip: n.ip,
      control_ip: n.controlIp,
      pod_cidr: n.podCidr,
      up: n.up,
      ready: n.ready ?? null,
      schedulable: n.schedulable,
      removing: n.removing,
    }));
    print(flags.output, value, () =>
      table(
        ['NAME', 'STATUS', 'IP', 'CONTROL-IP', 'POD-CIDR'],
        nodes.map((n) => [n.name, statusOf(n), n.ip, n.controlIp, n.podCidr]),
      ),
    );
  });
}

function statusOf(n: { up: boolean; ready: boolean | undefined; schedulable: boolean; removing: boolean }): string {
  const health = !n.up ? 'Down' : n.ready === undefined ? 'Unknown' : n.ready ? 'Ready' : 'NotReady';
  if (n.removing) return `${health},Removing`;
  return n.ready !== undefined && !n.schedulable ? `${health},SchedulingDisabled` : health;
}

/** Ctrl-C ends the wait; what was begun can be repeated. */
function interruption(): AbortSignal {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  return abort.signal;
}
