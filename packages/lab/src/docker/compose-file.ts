/** The compose file of a lab: the one of the project as it is, or with other nodes. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { MAX_NODES, nodeSpec } from '../plan/plan.ts';
import { badInput } from '../state/errors.ts';
import { builtFile } from '../state/programs.ts';

/** Path of the project's compose file. */
export function composePath(): string {
  return builtFile(join('compose', 'compose.yaml'));
}

/** Nodes the project's file has. */
const NODES = 3;

interface ComposeFile {
  services: Record<string, ComposeService>;
  [key: string]: unknown;
}
interface ComposeService {
  hostname?: string;
  environment?: Record<string, string>;
  networks?: Record<string, { ipv4_address?: string } | null>;
  build?: { context: string; [key: string]: unknown };
  extends?: { file: string; service: string };
  volumes?: readonly string[];
  [key: string]: unknown;
}

/**
 * The compose file of a lab with these nodes, by index: the project's own text for 1 to 3, else that file with node services like its
 * first one. Paths in it start at `compose/`, as in the original. Fails with a LabError when an index is out of range.
 */
export function composeText(nodes: readonly number[]): string {
  const text = readFileSync(composePath(), 'utf8');
  if (nodes.length === NODES && nodes.every((n, i) => n === i + 1)) return text;
  return stringify(withNodes(parse(text, { merge: true }) as ComposeFile, nodes), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

/** As `composeText`, for a file outside `compose/`: what it builds from, mounts and takes over is given as absolute paths. */
export function composeTextElsewhere(nodes: readonly number[]): string {
  const file = withNodes(parse(readFileSync(composePath(), 'utf8'), { merge: true }) as ComposeFile, nodes);
  const absolute = (path: string): string => resolve(dirname(composePath()), path);
  for (const service of Object.values(file.services)) {
    if (service.build) service.build = { ...service.build, context: absolute(service.build.context) };
    if (service.extends) service.extends = { ...service.extends, file: absolute(service.extends.file) };
    if (service.volumes) service.volumes = service.volumes.map((v) => v.replace(/^\.{1,2}\/[^:]*/, absolute));
  }
  return stringify(file, { lineWidth: 0, aliasDuplicateObjects: false });
}

function withNodes(file: ComposeFile, nodes: readonly number[]): ComposeFile {
  const wrong = nodes.find((n) => !Number.isInteger(n) || n < 1 || n > MAX_NODES);
  if (wrong !== undefined) throw badInput(`Node ${wrong} cannot be: nodes are numbered from 1 to ${MAX_NODES}`);
  const services = Object.entries(file.services).filter(([name]) => !/^node-\d+$/.test(name));
  const model = file.services['node-1'];
  if (!model) throw new Error('compose.yaml has no service node-1');
  const added = nodes.map((i): [string, ComposeService] => [`node-${i}`, nodeService(model, i)]);
  const plain = Object.fromEntries(Object.entries(file).filter(([key]) => !key.startsWith('x-')));
  return { ...plain, services: Object.fromEntries([...services, ...added]) };
}

/** Addresses keep their variables: `${SVCLAB_LAN:-172.30.0}.11` becomes `${SVCLAB_LAN:-172.30.0}.14`. */
function nodeService(model: ComposeService, i: number): ComposeService {
  const { name } = nodeSpec(i, { lanCIDR: '172.30.0.0/24', controlCIDR: '172.30.1.0/24' });
  const networks = Object.entries(model.networks ?? {}).map(([network, settings]) => [
    network,
    settings?.ipv4_address
      ? { ...settings, ipv4_address: settings.ipv4_address.replace(/\.\d+$/, `.${10 + i}`) }
      : settings,
  ]);
  return {
    ...model,
    hostname: name,
    environment: { ...model.environment, SVCLAB_HOST: name },
    networks: Object.fromEntries(networks),
  };
}
