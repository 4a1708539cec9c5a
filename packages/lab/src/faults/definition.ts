/** What a fault is: one definition a file, gathered in {@link FAULTS} (index.ts). The command line, the help, docs/faults.md and scenario files follow from it. */
import type { ChildProcess } from 'node:child_process';
import type { Clock, LabConfig, Random } from '@svclab/core';
import type { GrpcClient, Logger } from '@svclab/runtime';
import type { ActOnProcess } from './process-verbs.ts';
import type { ResolvedTarget, TargetKind } from './target.ts';

/** Kinds of values, each with its own unit as people write it: `50ms`, `30` or `30%`, `1mbit`, `5`, text, one of a list, nothing at all. */
export type ArgKind = 'duration' | 'percent' | 'rate' | 'count' | 'text' | 'choice' | 'flag';

/** One argument of a fault: `--percent 30` on the command line, `percent: 30` in a scenario file. */
export interface FaultArg {
  /** kebab-case */
  readonly name: string;
  readonly kind: ArgKind;
  readonly required?: boolean;
  /** As people write it. */
  readonly default?: string;
  readonly summary: string;
  /** For `choice`. */
  readonly choices?: readonly string[];
  /** Bounds of what is parsed, both included: ms, %, bit/s, or the number. */
  readonly min?: number;
  readonly max?: number;
}

/** Parsed arguments by name: durations in ms, percentages 0 to 100, rates in bit/s. Those not given and without default are absent. */
export type FaultArgs = Readonly<Record<string, string | number | boolean | undefined>>;

/** How a program ended that was run for a fault. */
export interface CommandResult {
  /** 127: not found; 128 + n after signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The hosts and processes of the lab, in either driver. */
export interface FaultLab {
  /** Whether a host has power and can be acted on. */
  isUp(host: string): boolean;
  /** Acts on one process of a host, or on all of them. Returns CLOCK_MONOTONIC ns of the effect. Fails with a LabError. */
  readonly process: ActOnProcess;
  /** Cuts a host's power. netns driver only: a container's power is Docker's. Fails with a LabError. */
  powerOff(host: string): bigint;
  /** Builds a host anew and starts its processes; one that is up only gets what is missing. */
  powerOn(host: string): void;
  /** Name of the host's interface on a network inside the host; undefined when it has none. */
  interfaceOn(host: string, network: 'lan' | 'control'): Promise<string | undefined>;
  /** Name of the bridge port that leads to a host, in the lab's root namespace (netns driver); undefined when it has none. */
  portOf(host: string, network: 'lan' | 'control'): string | undefined;
  /** Takes the carrier of a host's link away, or gives it back, and returns the instant; does nothing to a host that is off. netns driver only. */
  setCarrier(host: string, network: 'lan' | 'control', up: boolean): bigint;
}

/** What a fault works with. */
export interface FaultContext {
  readonly driver: LabConfig['driver'];
  /** The lab's description as it is now. */
  readonly config: LabConfig;
  /** This fault's id, `f3`: part of the names of tables and rules, so that several faults live side by side. */
  readonly id: string;
  readonly lab: FaultLab;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs a program in a host's network namespace to its end. Fails with a LabError when the host is down. */
  run(host: string, argv: readonly string[], options?: { readonly stdin?: string }): Promise<CommandResult>;
  /** The same in the lab's root namespace, where the bridges are. netns driver only: fails with a LabError in Docker. */
  root(argv: readonly string[], options?: { readonly stdin?: string }): Promise<CommandResult>;
  /** Starts a program in the lab's root namespace, its standard streams pipes; the caller ends it. netns driver only: fails with a LabError in Docker. */
  start(argv: readonly string[]): ChildProcess;
  /**
   * Speaks to a process's gRPC service. Fails with a LabError when the host is down.
   * @param definition of @svclab/wire
   * @param port one of PORTS, on the host's control address
   */
  call<Definition extends Parameters<typeof import('@svclab/runtime').grpcClient>[0], T>(
    definition: Definition,
    host: string,
    port: number,
    fn: (client: GrpcClient<Definition>) => Promise<T>,
  ): Promise<T>;
  /** Reads a path of the Kubernetes API as JSON, or changes what is there by a merge patch. Rejects with ApiRefusal. */
  api<T>(path: string, change?: { readonly method: 'PATCH' | 'DELETE'; readonly body: unknown }): Promise<T>;
  /** Node a pod runs on. Fails with a LabError when there is no such pod or it runs nowhere. */
  nodeOf(namespace: string, pod: string): Promise<string>;
  /** Ends a pod's containers at once. */
  killPod(namespace: string, pod: string): Promise<void>;
  /** Chance that is the same for the same seed. */
  random(seed: string | number): Random;
}

/** A fault that took effect. */
export interface AppliedFault {
  /** CLOCK_MONOTONIC ns of the effect. */
  readonly atNs: bigint;
  /** Undoes it and returns the instant; repeating it is no error. Absent: nothing lasts. */
  readonly heal?: () => Promise<bigint>;
  /** Makes it again on a host that was powered off and is back, for what ended with the host's old namespace. */
  readonly again?: (host: string) => Promise<void>;
}

/** A fault, or what undoes one. */
export interface FaultDefinition {
  /** `kill`, `loss`, `gratuitous-arp-loss` */
  readonly verb: string;
  /** One sentence, lower case, no full stop. */
  readonly summary: string;
  /** Further paragraphs for docs/faults.md: what it models and how it is made, with sources. */
  readonly notes?: string;
  /** Example command lines without `svclab fault`. */
  readonly examples?: readonly string[];
  readonly targets: readonly TargetKind[];
  /** Besides `duration`, which all faults have that can be healed. */
  readonly args: readonly FaultArg[];
  /** Brings something back rather than breaking it: it is stamped fault.healed and never listed. */
  readonly heals?: boolean;
  /** Verbs of faults on the same target that are over once this one was made. */
  readonly settles?: readonly string[];
  /** Whether nothing can last, so that a duration makes no sense. */
  readonly instant?: boolean;
  /** Of faults with the same slot only the latest is in effect: it takes the place of the one before. */
  slot?(args: FaultArgs): string;
  /** What is wrong with the arguments taken together; undefined when nothing is. */
  check?(args: FaultArgs): string | undefined;
  /** What would be done, a line each: the very commands where there are any. */
  plan(target: ResolvedTarget, args: FaultArgs, context: FaultContext): readonly string[];
  /** Does it. Fails with a LabError when it cannot, and has then changed nothing. */
  apply(target: ResolvedTarget, args: FaultArgs, context: FaultContext): Promise<AppliedFault>;
  /** Removes from a host what a supervisor that was killed may have left there (docker driver, when a supervisor starts). Does nothing where nothing is. */
  sweep?(host: string, context: FaultContext): Promise<void>;
}
