/** What is measured: a Service by one of its ways in, as an address a prober on some host asks. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { clusterProblem, readApi } from '../driver/cluster-ready.ts';
import { badInput } from '../state/errors.ts';
import { clientHost } from './client-host.ts';
import { startProbe } from './probe-run.ts';
import type { TargetSpec } from './scenario-file.ts';
import { announcedVip, type ServiceRef, until } from './steady.ts';

/** A target with its address. */
export interface Target {
  readonly service: ServiceRef;
  readonly url: string;
  /** Host the prober runs on. */
  readonly host: string;
  /** The announced address; empty when the target is none. */
  readonly vip: string;
  /** Node that announces the Service's address; empty when it has none. */
  readonly owner: string;
}

/** The short probe. */
const CHECK = { intervalMs: 10, durationMs: 400, timeoutMs: 500 };
/** How long an address may take to be announced, ms. */
const ANNOUNCED_MS = 60_000;

/** Finds the address of a target. Fails with a LabError that says what is missing. */
export async function resolveTarget(lab: LabConnection, spec: TargetSpec, signal: AbortSignal): Promise<Target> {
  const { service } = spec;
  const host = hostOf(lab, spec.from);
  if (spec.via === 'loadbalancer') {
    const vip = await announcedVip(lab, service, ANNOUNCED_MS, signal);
    return { service, host, vip: vip.vip, owner: vip.owner, url: new URL(spec.path, vip.url).href };
  }
  const { api } = await lab.service.status({ skipMemory: true });
  const object = await readApi<Service>(lab, api, `/api/v1/namespaces/${service.namespace}/services/${service.name}`);
  const owner = await ownerOf(lab, service);
  const port = object.spec.ports?.[0];
  const id = `${service.namespace}/${service.name}`;
  if (spec.via === 'clusterip') {
    const ip = object.spec.clusterIP;
    if (ip === undefined || ip === '' || ip === 'None') throw badInput(`Service ${id} has no ClusterIP`);
    if (host === clientHost(lab))
      throw badInput(
        `Service ${id} cannot be reached by its ClusterIP from the client, which is no node: give from: node/NAME`,
      );
    return { service, host, vip: '', owner, url: address(ip, port?.port ?? 80, spec.path) };
  }
  const nodePort = port?.nodePort;
  if (nodePort === undefined) throw badInput(`Service ${id} has no node port (its type is ${object.spec.type})`);
  const node = nodeOf(lab, spec.via.slice('nodeport/'.length), owner);
  return { service, host, vip: '', owner, url: address(node.lanIP ?? '', nodePort, spec.path) };
}

/** Waits until every node is Ready, every DNS server is known, and a short probe of the target loses nothing. */
export async function steadyTarget(
  lab: LabConnection,
  spec: TargetSpec,
  options: { readonly dir: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Target> {
  const { timeoutMs, signal, dir } = options;
  mkdirSync(dir, { recursive: true });
  const { api } = await lab.service.status({ skipMemory: true });
  await until(timeoutMs, signal, 'A complete cluster', async () => {
    const problem = await clusterProblem(lab, api);
    return problem === undefined ? true : `waiting for ${problem}`;
  });
  const id = `${spec.service.namespace}/${spec.service.name}`;
  return until(timeoutMs, signal, `A Service ${id} that loses nothing`, async () => {
    const target = await resolveTarget(lab, spec, signal);
    const probe = startProbe(lab, { ...CHECK, url: target.url, host: target.host, samples: join(dir, 'steady.jsonl') });
    const { report } = await probe.done;
    const lost = report.new.lost + report.reused.lost;
    return lost === 0
      ? target
      : `${lost} of ${2 * report.sent} requests to ${target.url} are lost (${JSON.stringify(report.new.outcomes)})`;
  });
}

/** A host by `client` or `node/NAME`. Fails with a LabError that lists the nodes. */
export function hostOf(lab: LabConnection, from: string): string {
  return from === 'client' ? clientHost(lab) : nodeOf(lab, from.slice('node/'.length), '').name;
}

/** A node by name or by its role towards the Service's address. */
function nodeOf(
  lab: Pick<LabConnection, 'config'>,
  name: string,
  owner: string,
): LabConnection['config']['hosts'][number] {
  const nodes = lab.config.hosts.filter((h) => h.role === 'node');
  const found =
    name === 'owner'
      ? nodes.find((n) => n.name === owner)
      : name === 'other'
        ? nodes.find((n) => n.name !== owner)
        : nodes.find((n) => n.name === name);
  if (!found)
    throw badInput(`Node "${name}" is not there: give owner, other, or one of ${nodes.map((n) => n.name).join(', ')}`);
  return found;
}

async function ownerOf(lab: LabConnection, service: ServiceRef): Promise<string> {
  const { vips } = await lab.service.vips({});
  return vips.find((v) => v.namespace === service.namespace && v.service === service.name)?.owner ?? '';
}

function address(ip: string, port: number, path: string): string {
  return new URL(path, `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}/`).href;
}
