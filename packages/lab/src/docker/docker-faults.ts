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
import { numberArg, parseArgs } from '../faults/args.ts';
import { faultOf } from '../faults/index.ts';
import { isContainerVerb, PROCESS_VERBS } from '../faults/process-verbs.ts';
import { badInput, environmentError } from '../state/errors.ts';
import { containersOf, type LabContainer, serviceOf } from './containers.ts';
import { docker, explain } from './docker-cli.ts';
import { type HealGuard, startHealGuard } from './heal-guard.ts';

type LabService = GrpcClient<typeof LabServiceDefinition>;

/** The lab's service with calls that also act on containers. */
export function withDockerFaults(service: LabService, root: string, config: LabConfig): LabService {
  const faults = new DockerFaults(service, root, config);
  return Object.assign(Object.create(service) as LabService, {
    fault: (request: FaultRequest) => faults.fault(request),
    healFaults: (request: HealFaultsRequest) => faults.heal(request),
  });
}

/** A request with all its fields: callers of the library leave some out. */
const whole = (request: Partial<FaultRequest>): FaultRequest => ({
  ...{ verb: '', target: '', args: {}, dryRun: false, session: '', cause: '', phase: '' },
  ...request,
});

class DockerFaults {
  readonly #service: LabService;
  readonly #root: string;
  readonly #config: LabConfig;
  readonly #guards = new Map<string, HealGuard>();

  constructor(service: LabService, root: string, config: LabConfig) {
    this.#service = service;
    this.#root = root;
    this.#config = config;
  }

  async fault(partial: Partial<FaultRequest>): Promise<FaultResponse> {
    const request = whole(partial);
    // What is unknown, or no fault of a container, is the supervisor's to answer.
    if (!isContainerVerb(request.verb)) return this.#service.fault(request);
    const asked = await this.#service.fault({ ...request, dryRun: true });
    const hosts = asked.resolved.split(',').map((t) => t.replace(/^node\//, ''));
    if (!asked.resolved.startsWith('node/')) return this.#service.fault(request);
    const containers = await Promise.all(hosts.map((h) => this.#containerOf(h)));
    const commands = containers.map((c) => commandsFor(request.verb, c));
    if (request.dryRun) return { ...asked, plan: commands.flat().map((args) => `docker ${args.join(' ')}`) };
    const done: FaultResponse[] = [];
    for (const [i, host] of hosts.entries()) done.push(await this.#act(request, host, commands[i] ?? []));
    const [first] = done;
    return { ...asked, ...first, plan: [], resolved: asked.resolved, id: ids(done) };
  }

  async heal(request: HealFaultsRequest): Promise<HealFaultsResponse> {
    const done = await this.#service.healFaults(request);
    const healed: HealedFault[] = [];
    for (const one of done.outside?.toReversed() ?? []) healed.push(...(await this.#healOne(one, request.cause)));
    return { healed: [...done.healed, ...healed], outside: [] };
  }

  /** One container: announced, done, seen. What is to end by itself is guarded from before it begins. */
  async #act(request: FaultRequest, host: string, commands: readonly (readonly string[])[]): Promise<FaultResponse> {
    const named = {
      ...request,
      target: `node/${host}`,
      cause: request.cause || `svclab fault ${request.verb} ${request.target}`,
    };
    const { id } = await this.#service.fault({ ...named, phase: 'expect' });
    const guard = this.#guard(request, id);
    for (const args of commands) {
      const done = await docker(args);
      if (done.code !== 0) {
        guard?.disarm();
        throw environmentError(`docker ${args.join(' ')}: ${explain(done.stderr)}`);
      }
    }
    const seen = await this.#service.fault({ ...named, phase: 'await' });
    guard?.begin();
    return seen;
  }

  /** A process of its own that heals in time, whatever becomes of this one. */
  #guard({ verb, args, session }: FaultRequest, id: string): HealGuard | undefined {
    const definition = faultOf(verb);
    if (!definition || definition.heals) return undefined;
    const afterMs = numberArg(parseArgs(definition, args), 'duration');
    if (afterMs === undefined && session === '') return undefined;
    const guard = startHealGuard({ root: this.#root, lab: this.#config.name, id, afterMs, withParent: session !== '' });
    this.#guards.set(id, guard);
    return guard;
  }

  /** Brings a container back that a fault took away or paused. */
  async #healOne(one: ActiveFault, cause: string): Promise<HealedFault[]> {
    const verb = one.verb === 'pause' ? 'resume' : 'restart';
    const healed: HealedFault[] = [];
    for (const target of one.targets) {
      const done = await this.fault({ verb, target, cause: cause || `svclab fault heal ${one.id}` });
      healed.push({ fault: one, healedNs: done.effectiveNs, healedWallMs: done.effectiveWallMs });
    }
    this.#guards.get(one.id)?.disarm();
    return healed;
  }

  async #containerOf(host: string): Promise<LabContainer> {
    const { name } = this.#config;
    const containers = await containersOf(name);
    const container = containers.find((c) => c.service === serviceOf({ name: host, role: 'node' }));
    if (!container)
      throw badInput(`Host ${host} has no container: project ${name} has ${containers.map((c) => c.name).join(', ')}`);
    return container;
  }
}

const ids = (done: readonly FaultResponse[]): string =>
  done
    .map((d) => d.id)
    .filter((id) => id !== '')
    .join(',');

/** What Docker is told for each verb. Fails with a LabError when the container is not in a state for it. */
export function commandsFor(verb: string, container: Pick<LabContainer, 'name' | 'state'>): string[][] {
  const { name, state } = container;
  const must = (wanted: string, cure: string): void => {
    if (state !== wanted) throw badInput(`Container ${name} is ${state}: ${cure}`);
  };
  const restart = `bring it back with "svclab fault restart" or "docker start ${name}"`;
  switch (verb) {
    case 'kill':
    case 'reboot':
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
