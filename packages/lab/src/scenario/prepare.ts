/** From nothing to a Service that carries traffic: a lab, manifests by kubectl, everything available, the VIP announced. */
import { spawn } from 'node:child_process';
import type { Deployment, Service } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { openLab, startLab } from '../client/open.ts';
import { readApi } from '../driver/cluster-ready.ts';
import type { LabRequest } from '../plan/plan.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { onPath } from './load-run.ts';
import type { TargetSpec } from './scenario-file.ts';
import { type ServiceRef, until } from './steady.ts';
import { steadyTarget, type Target } from './targets.ts';

/** What to prepare. */
export interface Preparation extends LabRequest {
  /** Where labs keep their state. */
  readonly root: string;
  /** Use the lab of that name, which runs, instead of making one. */
  readonly on?: string | undefined;
  /** Absolute paths for `kubectl apply -f`. */
  readonly manifests: readonly string[];
  /** Services that must be there once the manifests are applied, with where they are named. */
  readonly services?: readonly { readonly service: ServiceRef; readonly where: string }[];
  /** What must answer before it is ready. */
  readonly target: TargetSpec;
  /** Directory for what the checks write. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const UP_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 90_000;

/** Prepares. The caller takes the lab down, also when this rejects after `onLab` was called. */
export async function prepare(
  options: Preparation,
  onLab: (lab: LabConnection) => void,
): Promise<{ lab: LabConnection; target: Target }> {
  const { progress, signal } = options;
  if (!onPath('kubectl', process.env.PATH ?? ''))
    throw environmentError('Program kubectl is not on the PATH: run "npm run setup", or install it');
  const lab =
    options.on === undefined
      ? await startLab({ ...options, apiPort: 0, timeoutMs: UP_TIMEOUT_MS })
      : await openLab(options.root, { driver: options.driver, name: options.on });
  onLab(lab);
  for (const path of options.manifests) {
    progress(`kubectl apply -f ${path}`);
    await kubectl(lab, ['apply', '-f', path], signal);
  }
  await servicesThere(lab, options.services ?? []);
  await deploymentsAvailable(lab, signal, progress);
  const target = await steadyTarget(lab, options.target, { dir: options.dir, timeoutMs: READY_TIMEOUT_MS, signal });
  const { namespace, name } = options.target.service;
  progress(`${namespace}/${name} answers at ${target.url}${target.vip === '' ? '' : `, announced by ${target.owner}`}`);
  return { lab, target };
}

/** Fails with a LabError (bad input) naming the Services that are missing and those that are there. */
async function servicesThere(lab: LabConnection, wanted: NonNullable<Preparation['services']>): Promise<void> {
  if (wanted.length === 0) return;
  const { api } = await lab.service.status({ skipMemory: true });
  const { items } = await readApi<{ items: Service[] }>(lab, api, '/api/v1/services');
  const there = items.map((s) => `${s.metadata.namespace}/${s.metadata.name}`);
  const missing = wanted.filter(({ service }) => !there.includes(`${service.namespace}/${service.name}`));
  if (missing.length === 0) return;
  throw badInput(
    missing
      .map(
        ({ service, where }) =>
          `${where}Service ${service.namespace}/${service.name} is not there once the manifests are applied: give one of ${there.filter((n) => n !== 'default/kubernetes').join(', ')}`,
      )
      .join('\n'),
  );
}

/** Runs kubectl against the lab and returns its stdout. Fails with a LabError that holds what kubectl said. */
export function kubectl(lab: LabConnection, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('kubectl', [...args], {
      env: { ...process.env, KUBECONFIG: lab.paths.kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve(out)
        : reject(badInput(`kubectl ${args.join(' ')} failed: ${err.trim() || `exit code ${code}`}`)),
    );
  });
}

/** Waits until every Deployment has all its replicas, up to date and available. Fails with a LabError that names those that have not. */
export async function deploymentsAvailable(
  lab: LabConnection,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<void> {
  const { api } = await lab.service.status({ skipMemory: true });
  let said = '';
  await until(READY_TIMEOUT_MS, signal, 'A complete rollout', async () => {
    const { items } = await readApi<{ items: Deployment[] }>(lab, api, '/apis/apps/v1/deployments');
    const waiting = items.filter(
      (d) =>
        (d.status?.observedGeneration ?? 0) < (d.metadata.generation ?? 0) ||
        (d.status?.availableReplicas ?? 0) < (d.spec.replicas ?? 1) ||
        (d.status?.updatedReplicas ?? 0) < (d.spec.replicas ?? 1),
    );
    if (waiting.length === 0) return true;
    const what = waiting
      .map(
        (d) =>
          `${d.metadata.namespace}/${d.metadata.name} ${d.status?.availableReplicas ?? 0} of ${d.spec.replicas ?? 1}`,
      )
      .join(', ');
    if (what !== said) progress(`Rollout: ${what} available`);
    said = what;
    return `available are ${what}`;
  });
}
