/** Faults of whole containers: the supervisor inside has no Docker socket, so the caller acts by the Docker CLI and the supervisor sees it. */
import type { LabConfig } from '@svclab/core';
import type { GrpcClient } from '@svclab/runtime';
import type {
  ActiveFault,
  FaultRequest,
  FaultResponse,
  HealedFault,
  HealFaultsRequest,
  HealFaultsResponse,
  LabServiceDefinition,
} from '@svclab/wire';
import { isProcessVerb, PROCESS_VERBS } from '../faults/process-verbs.ts';
import { parseTarget, type ResolvedTarget } from '../faults/target.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { ownerOf } from '../supervisor/service.ts';
import { containersOf, type LabContainer, serviceOf } from './containers.ts';
import { docker, explain } from './docker-cli.ts';

type LabService = GrpcClient<typeof LabServiceDefinition>;

/** The lab's service with calls that also act on containers. */
export function withDockerFaults(service: LabService, project: string, config: LabConfig): LabService {
  const fault = async (request: FaultRequest): Promise<FaultResponse> => {
    // What is unknown, or no fault of a target, is the supervisor's to answer.
    if (!isProcessVerb(request.verb)) return service.fault(request);
    const host = await hostOf(request.target, service, config);
    if (host === undefined) return service.fault(request);
    const commands = commandsFor(request.verb, await containerOf(host, project, config));
    const named = {
      ...request,
      target: `node/${host}`,
      cause: request.cause || `svclab fault ${request.verb} ${request.target}`,
    };
    if (request.dryRun)
      return { ...(await service.fault(named)), plan: commands.map((args) => `docker ${args.join(' ')}`) };
    await service.fault({ ...named, phase: 'expect' });
    await dockerAll(commands);
    return service.fault({ ...named, phase: 'await' });
  };
  const healFaults = async (request: HealFaultsRequest): Promise<HealFaultsResponse> => {
    const done = await service.healFaults(request);
    const healed: HealedFault[] = [];
    for (const one of done.outside.toReversed()) healed.push(...(await healOutside(one, fault)));
    return { healed: [...done.healed, ...healed], outside: [] };
  };
  return Object.assign(Object.create(service) as LabService, { fault, healFaults });
}

/** Brings a container back that a fault took away or paused. */
async function healOutside(
  one: ActiveFault,
  fault: (request: FaultRequest) => Promise<FaultResponse>,
): Promise<HealedFault[]> {
  const verb = one.verb === 'pause' ? 'resume' : 'restart';
  const healed: HealedFault[] = [];
  for (const target of one.targets) {
    const cause = `svclab fault heal ${one.id}`;
    const done = await fault({ verb, target, args: {}, dryRun: false, session: '', cause, phase: '' });
    healed.push({ fault: one, healedNs: done.effectiveNs, healedWallMs: done.effectiveWallMs });
  }
  return healed;
}

/** The host a target means as a whole; undefined when it means something else, or several things. */
async function hostOf(text: string, service: LabService, config: LabConfig): Promise<string | undefined> {
  const asked = parseTarget(text, config);
  const target: ResolvedTarget | { kind: string } =
    asked.kind === 'owner' ? ownerOf(asked, (await service.vips({})).vips) : asked;
  return 'host' in target && target.kind === 'host' ? target.host : undefined;
}

async function containerOf(host: string, project: string, config: LabConfig): Promise<LabContainer> {
  const spec = config.hosts.find((h) => h.name === host);
  const containers = await containersOf(project);
  const container = containers.find((c) => c.service === (spec && serviceOf(spec)));
  if (!container)
    throw badInput(`Host ${host} has no container: project ${project} has ${containers.map((c) => c.name).join(', ')}`);
  return container;
}

async function dockerAll(commands: readonly (readonly string[])[]): Promise<void> {
  for (const args of commands) {
    const done = await docker([...args]);
    if (done.code !== 0) throw environmentError(`docker ${args.join(' ')}: ${explain(done.stderr)}`);
  }
}

/** What Docker is told for each verb. Fails with a LabError when the container is not in a state for it. */
export function commandsFor(verb: string, container: Pick<LabContainer, 'name' | 'state'>): string[][] {
  const { name, state } = container;
  const must = (wanted: string, cure: string): void => {
    if (state !== wanted) throw badInput(`Container ${name} is ${state}: ${cure}`);
  };
  const restart = `bring it back with "svclab fault restart" or "docker start ${name}"`;
  switch (verb) {
    case 'kill':
      must('running', restart);
      return [['kill', name]];
    case 'stop':
      must('running', restart);
      return [['stop', name]];
    case 'pause':
      must('running', restart);
      return [['pause', name]];
    case 'resume':
      must('paused', 'only a paused one is resumed');
      return [['unpause', name]];
    case 'restart':
      if (state === 'paused')
        return [
          ['unpause', name],
          ['kill', name],
          ['start', name],
        ];
      return state === 'running'
        ? [
            ['kill', name],
            ['start', name],
          ]
        : [['start', name]];
    default:
      throw badInput(`Fault "${verb}" is not known for a container: give one of ${PROCESS_VERBS.join(', ')}`);
  }
}
