/** docs/faults.md: every fault, from the definitions themselves. */
import { argsOf } from './args.ts';
import type { ArgKind, FaultArg, FaultDefinition } from './definition.ts';
import { KIND_FORMS, ROLE_FORMS, type TargetKind } from './target.ts';

const UNITS: Readonly<Record<ArgKind, string>> = {
  duration: '50ms, 1.5s, 2m',
  percent: '30, 0.5',
  rate: '1mbit, 500kbit',
  count: 'a whole number',
  text: 'text',
  choice: '',
  flag: '',
};

const KINDS: Readonly<Record<TargetKind, string>> = {
  node: 'a whole node',
  client: 'a host outside the cluster, on the node LAN',
  announcer: "a node's l2-announcer",
  agent: "a node's node-agent",
  pods: "a node's pod-host: what runs its pods",
  dns: 'a DNS server',
  controller: 'a controller',
  nats: 'a NATS server',
  pod: 'one pod',
  link: 'what two hosts send each other',
  groups: 'groups of hosts: hosts of a group joined by commas, groups apart by spaces',
};

const ROLES: Readonly<Record<(typeof ROLE_FORMS)[number], string>> = {
  'owner/NAMESPACE/SERVICE': 'the node that owns the address of a Service',
  'announcer/owner/NAMESPACE/SERVICE': 'the announcer of that node; `agent/owner/...` and `pods/owner/...` likewise',
  'other/NAMESPACE/SERVICE': 'one node that does not own it, the first that is up',
  'others/NAMESPACE/SERVICE': 'all nodes that do not own it',
  leader: 'the controller that leads',
  'minority/nodes': 'fewer than half, the last ones; `minority:SEED/nodes` those a seed picks',
  'majority/nodes': 'the others',
  'all/nodes': 'all that have power',
  'random:SEED/nodes': 'one that has power, the same for the same seed',
  'node?LABELS': 'nodes by a Kubernetes label selector; `role=worker` stands for `node-role.kubernetes.io/worker`',
  'pod/NAMESPACE?LABELS': 'pods by a label selector; `random:SEED/pod/NAMESPACE?LABELS` one of them',
  'svc/NAMESPACE/SERVICE': 'the pods among the endpoints of a Service; `random:SEED/svc/...` one of them',
};

/** The page. */
export function faultDocs(faults: readonly FaultDefinition[]): string {
  const [breaking, healing] = [faults.filter((f) => !f.heals), faults.filter((f) => f.heals)];
  return [
    ...INTRODUCTION,
    '| fault | what it does |',
    '|---|---|',
    ...[...breaking, ...healing].map((f) => `| [${f.verb}](#${f.verb}) | ${f.summary} |`),
    '',
    '## Targets',
    '',
    '| written | is |',
    '|---|---|',
    ...(Object.keys(KIND_FORMS) as TargetKind[]).map((k) => `| \`${KIND_FORMS[k]}\` | ${KINDS[k]} |`),
    ...ROLE_FORMS.map((form) => `| \`${form}\` | ${ROLES[form]} |`),
    '',
    'Roles, shares and chance choose among `nodes`, `announcers`, `agents`, `pods`, `dns`, `controllers`, `nats` and `clients`. What they stand for is',
    'decided when the fault is made; a fault on several targets is made on all or on none, and healed on all.',
    '',
    ...[...breaking, ...healing].flatMap(section),
  ].join('\n');
}

const INTRODUCTION = [
  '# Faults',
  '',
  'Generated from the definitions in `packages/lab/src/faults` by `npm run gen`; a test checks that it is up to date.',
  '',
  '```sh',
  'svclab fault VERB TARGET [--duration 5s] [--dry-run] [-o json]   # break something, or say what would be done',
  'svclab fault list                                                # the faults in effect, and until when',
  'svclab fault heal [ID | TARGET | VERB ...]                       # undo faults, the latest first; all when none is named',
  '```',
  '',
  'A fault is healed by whatever comes first: its duration, `svclab fault heal`, the end of the run that made it (also when that is killed), or the end',
  'of the lab. Nothing of one is left for the next `up`. Without a duration it stays, and the command says so. Several faults lie side by side and are',
  'healed apart. On the timeline, `fault.effective` and `fault.healed` carry the id, the fault, its target and arguments, and the cause.',
  '',
  'In Docker a whole container is acted on from outside, by Docker; its duration and its end with a run are kept by a small process beside the command.',
  '',
] as const;

function section(fault: FaultDefinition): string[] {
  const args = argsOf(fault);
  return [
    `## ${fault.verb}`,
    '',
    `${capital(fault.summary)}.`,
    ...(fault.notes === undefined ? [] : ['', fault.notes]),
    '',
    `Targets: ${fault.targets.map((k) => `\`${KIND_FORMS[k]}\``).join(', ')}`,
    ...(args.length === 0 ? [] : ['', '| argument | meaning | default |', '|---|---|---|', ...args.map(row)]),
    ...(fault.examples === undefined || fault.examples.length === 0
      ? []
      : ['', '```sh', ...fault.examples.map((line) => `svclab fault ${line}`), '```']),
    '',
  ];
}

function row(arg: FaultArg): string {
  const values = arg.choices?.join(', ') ?? UNITS[arg.kind];
  const fallback = arg.default ?? (arg.required ? 'required' : '');
  return `| \`--${arg.name}\`${values === '' ? '' : ` (${values})`} | ${arg.summary} | ${fallback} |`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
