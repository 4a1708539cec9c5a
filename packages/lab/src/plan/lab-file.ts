import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { badInput } from '../state/errors.ts';

/** What a lab file may say. */
export interface LabFile {
  readonly nodes?: number;
  readonly ha?: boolean;
  readonly profile?: string;
  readonly podNetwork?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly metrics?: boolean;
}

const FIELDS = 'nodes, profile, podNetwork, set, ha, metrics';

/** Reads a lab file (YAML). Fails with a LabError that names the field. */
export function readLabFile(path: string): LabFile {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw badInput(`Lab file ${path} cannot be read: ${(error as Error).message}`);
  }
  return labFile(value, path);
}

/** Checks the content of a lab file. `path` is for messages. */
export function labFile(value: unknown, path: string): LabFile {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badInput(`Lab file ${path} must be a mapping with ${FIELDS}`);
  const { nodes, profile, podNetwork, set, ha, metrics, ...rest } = value as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw badInput(`Lab file ${path}: field "${unknown}" is not known: there are ${FIELDS}`);
  if (nodes !== undefined && typeof nodes !== 'number')
    throw badInput(`Lab file ${path}: nodes is ${JSON.stringify(nodes)}: give a whole number`);
  if (profile !== undefined && typeof profile !== 'string')
    throw badInput(`Lab file ${path}: profile is ${JSON.stringify(profile)}: give realistic or fast`);
  if (podNetwork !== undefined && typeof podNetwork !== 'string')
    throw badInput(`Lab file ${path}: podNetwork is ${JSON.stringify(podNetwork)}: give direct or vxlan`);
  if (set !== undefined && (typeof set !== 'object' || set === null || Array.isArray(set)))
    throw badInput(`Lab file ${path}: set must be a mapping from knob to value`);
  if (ha !== undefined && typeof ha !== 'boolean')
    throw badInput(`Lab file ${path}: ha is ${JSON.stringify(ha)}: give true or false`);
  if (metrics !== undefined && typeof metrics !== 'boolean')
    throw badInput(`Lab file ${path}: metrics is ${JSON.stringify(metrics)}: give true or false`);
  return {
    ...(ha === undefined ? {} : { ha }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(profile === undefined ? {} : { profile }),
    ...(podNetwork === undefined ? {} : { podNetwork }),
    ...(set === undefined ? {} : { set: Object.fromEntries(Object.entries(set).map(([k, v]) => [k, String(v)])) }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}
