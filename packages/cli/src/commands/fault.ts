import { argsOf, badInput, FAULTS, type FaultArg, type FaultDefinition, formatArgs, formsOf, ROLES } from '@svclab/lab';
import { type Command, Option } from 'commander';
import { print, say, table, withLab } from '../context.ts';
import { driverOption, type LabFlags, nameOption, outputOption } from '../options.ts';

type Flags = LabFlags & { readonly output: string; readonly dryRun?: boolean };

/** `svclab fault VERB TARGET`, `svclab fault list`, `svclab fault heal`. */
export function addFault(parent: Command): void {
  const fault = parent
    .command('fault')
    .description('break something, or bring it back')
    // Options of `fault` itself may stand before and behind the verb.
    .enablePositionalOptions(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText(
      'before',
      `Examples:
  svclab fault kill owner/default/web      power off the node that owns the address of Service default/web
  svclab fault restart node/node-2
  svclab fault kill announcer/node-1 --duration 5s
  svclab fault partition node-1,client-1 node-2,node-3
  svclab fault list
  svclab fault heal
Targets: ${formsOf(['node', 'announcer', 'agent', 'pods', 'dns', 'controller', 'nats', 'pod', 'client', 'link'])}
Roles: ${ROLES}
`,
    )
    .addOption(nameOption())
    .addOption(driverOption())
    .addOption(outputOption())
    .option('--dry-run', 'say what would be done, and do nothing')
    .argument('[verb]', 'a fault, list or heal')
    .argument('[target...]')
    .action((verb: string | undefined) => {
      if (verb === undefined) fault.help({ error: true });
      throw badInput(
        `Fault "${verb}" is not known: give one of ${[...Object.keys(FAULTS), 'list', 'heal'].join(', ')}`,
      );
    });
  for (const definition of Object.values(FAULTS)) addVerb(fault, definition);
  fault
    .command('list')
    .description('the faults in effect')
    .action((_own, command: Command) => list(command.optsWithGlobals()));
  fault
    .command('heal')
    .description('undo faults, the latest first')
    .argument('[which...]', 'ids or targets (default: all)')
    .action((which: string[], _own, command: Command) => heal(which, command.optsWithGlobals()));
}

function addVerb(parent: Command, definition: FaultDefinition): void {
  const { verb, summary, targets } = definition;
  const command = parent
    .command(verb)
    .description(summary)
    .argument('[target...]', `what to act on: ${formsOf(targets)}`)
    .action((words: string[], _own, self: Command) => make(definition, words.join(' '), self));
  for (const arg of argsOf(definition)) command.addOption(optionOf(arg));
  const examples = (definition.examples ?? []).map((line) => `  svclab fault ${line}\n`).join('');
  if (examples !== '') command.addHelpText('before', `Examples:\n${examples}`);
}

const UNITS: Readonly<Record<FaultArg['kind'], string>> = {
  duration: ' <duration>',
  percent: ' <percent>',
  rate: ' <rate>',
  count: ' <n>',
  text: ' <text>',
  choice: ' <choice>',
  flag: '',
};

/** Values travel as text: the lab reads them and says what is wrong with one. */
function optionOf(arg: FaultArg): Option {
  const choices = arg.choices ? ` (${arg.choices.join(', ')})` : '';
  const fallback = arg.default === undefined ? '' : ` (default: ${arg.default})`;
  return new Option(`--${arg.name}${UNITS[arg.kind]}`, `${arg.summary}${choices}${fallback}`);
}

/** Name of an option in commander's result: camelCase. */
const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

async function make(definition: FaultDefinition, target: string, command: Command): Promise<void> {
  const flags = command.optsWithGlobals<Flags & Record<string, string | boolean | undefined>>();
  const { verb } = definition;
  const args = Object.fromEntries(
    argsOf(definition).flatMap((a) => {
      const value = flags[camel(a.name)];
      return value === undefined ? [] : [[a.name, String(value)]];
    }),
  );
  await withLab(flags, async (lab) => {
    const done = await lab.service.fault({ verb, target, args, dryRun: flags.dryRun ?? false });
    if (flags.dryRun) {
      print(flags.output, { verb, target, resolved: done.resolved, plan: done.plan }, () =>
        [`${verb} ${done.resolved} would do:`, ...done.plan.map((line) => `  ${line}`)].join('\n'),
      );
      return;
    }
    const time = iso(done.effectiveWallMs);
    const heals = done.healsAtWallMs === 0n ? undefined : iso(done.healsAtWallMs);
    print(
      flags.output,
      {
        ...{ verb, target, resolved: done.resolved, effective_ns: String(done.effectiveNs), time },
        ...(done.id === '' ? {} : { id: done.id }),
        ...(heals === undefined ? {} : { heals_at_ns: String(done.healsAtNs), heals_at: heals }),
      },
      () => `${verb} ${done.resolved} at ${time}${done.id === '' ? '' : ` (${done.id})`}`,
    );
    if (heals !== undefined) say(`It is healed at ${heals}`);
    else if (done.id !== '') say(`It stays until "svclab fault heal ${done.id}"; --duration heals it by itself`);
  });
}

async function list(flags: Flags): Promise<void> {
  await withLab(flags, async (lab) => {
    const { faults } = await lab.service.listFaults({});
    const value = faults.map((f) => ({
      ...{ id: f.id, verb: f.verb, targets: f.targets, args: f.args, cause: f.cause, session: f.session },
      ...{ since_ns: String(f.sinceNs), since: iso(f.sinceWallMs) },
      heals_at: f.healsAtWallMs === 0n ? null : iso(f.healsAtWallMs),
    }));
    print(flags.output, value, () =>
      faults.length === 0
        ? 'no fault is in effect'
        : table(
            ['ID', 'FAULT', 'TARGET', 'ARGUMENTS', 'SINCE', 'HEALS'],
            faults.map((f) => [
              ...[f.id, f.verb, f.targets.join(','), formatArgs(f.args), iso(f.sinceWallMs)],
              f.healsAtWallMs === 0n ? '' : iso(f.healsAtWallMs),
            ]),
          ),
    );
  });
}

async function heal(words: readonly string[], flags: Flags): Promise<void> {
  await withLab(flags, async (lab) => {
    const which = words.flatMap((w) => w.split(',')).filter((w) => w !== '');
    if (flags.dryRun) {
      const plan = await lab.service.fault({ verb: 'heal', target: which.join(' '), args: {}, dryRun: true });
      print(flags.output, { verb: 'heal', resolved: plan.resolved, plan: plan.plan }, () =>
        plan.plan.length === 0 ? 'nothing to heal' : plan.plan.join('\n'),
      );
      return;
    }
    const { healed } = await lab.service.healFaults({ which });
    const last = healed[0];
    const inOrder = healed.toReversed();
    print(
      flags.output,
      {
        verb: 'heal',
        resolved: inOrder.flatMap((h) => h.fault?.targets ?? []).join(','),
        ...(last ? { effective_ns: String(last.healedNs), time: iso(last.healedWallMs) } : {}),
        healed: inOrder.map((h) => ({
          ...{ id: h.fault?.id, verb: h.fault?.verb, targets: h.fault?.targets },
          ...{ healed_ns: String(h.healedNs), time: iso(h.healedWallMs) },
        })),
      },
      () =>
        healed.length === 0
          ? 'nothing to heal'
          : inOrder
              .map(
                (h) =>
                  `healed ${h.fault?.id}: ${h.fault?.verb} ${h.fault?.targets.join(',')} at ${iso(h.healedWallMs)}`,
              )
              .join('\n'),
    );
  });
}

const iso = (wallMs: bigint): string => new Date(Number(wallMs)).toISOString();
