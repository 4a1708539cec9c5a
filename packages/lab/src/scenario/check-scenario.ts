/** What can be wrong with a scenario though every field is well formed: checked before a lab is made. */
import { statSync } from 'node:fs';
import type { LabConfig } from '@svclab/core';
import {
  FAULTS,
  type FaultTarget,
  faultOf,
  formsOf,
  kindOf,
  parseArgs,
  parseGroups,
  parseTarget,
  type TargetRole,
} from '../faults/index.ts';
import { badInput, LabError } from '../state/errors.ts';
import { fieldName, type Problem } from './explain.ts';
import { allSteps, type MethodStep } from './method.ts';
import { type Scenario, scenarioLab } from './scenario-file.ts';
import type { FieldPath } from './yaml-source.ts';

/** Checks targets, faults, files and names against the lab the scenario asks for. Fails with a LabError, one line for each problem. */
export function checkScenario(scenario: Scenario, driver: 'netns' | 'docker' = 'netns'): void {
  const lab = scenarioLab(scenario, 'run', driver);
  const problems: Problem[] = [];
  const complain = (path: FieldPath, message: string): void => {
    problems.push({ path, message: `Field ${fieldName(path)} ${message}` });
  };
  const nodes = lab.hosts.filter((h) => h.role === 'node').map((h) => h.name);
  const node = (path: FieldPath, text: string, name: string | undefined, roles: readonly string[]): void => {
    if (name === undefined || nodes.includes(name) || roles.includes(name)) return;
    complain(path, `is "${text}": the lab has no such node, give ${[...roles, ...nodes].join(', ')}`);
  };
  for (const [i, t] of [scenario.target, ...scenario.beside].entries()) {
    const at = i === 0 ? [] : ['beside', i - 1];
    node([...at, 'via'], t.via, /^nodeport\/(.*)$/.exec(t.via)?.[1], ['owner', 'other']);
    node([...at, 'from'], t.from, /^node\/(.*)$/.exec(t.from)?.[1], []);
    if (t.via === 'clusterip' && t.from === 'client')
      complain([...at, 'via'], 'is clusterip: the client is no node and cannot reach it, give from: node/NAME');
  }
  for (const [i, m] of scenario.manifests.entries())
    if (!exists(m)) complain(['manifests', i], `is ${m}: there is no such file or folder`);
  const loads = [
    ...(scenario.load ? [{ path: ['load', 'script'], script: scenario.load.script }] : []),
    ...allSteps(scenario.method).flatMap((s) =>
      s.kind === 'load' ? [{ path: [...s.path, 'load', 'script'], script: s.load.script }] : [],
    ),
  ];
  for (const l of loads) if (!exists(l.script)) complain(l.path, `is ${l.script}: there is no such file`);
  for (const c of scenario.cases.length > 0 ? scenario.cases : [{ scenario }])
    for (const step of [...allSteps(c.scenario.method), ...allSteps(c.scenario.rollback.steps)])
      if (step.kind === 'fault') problems.push(...faultProblems(step, lab));
  if (problems.length === 0) return;
  const lines = problems.map((p) => [scenario.where(p.path), p.message].filter((t) => t !== '').join(': '));
  throw badInput([...new Set(lines)].join('\n'));
}

/** What is wrong with a fault as far as it shows without a lab: roles and labels are looked up when it is made. */
function faultProblems(step: Extract<MethodStep, { kind: 'fault' }>, lab: LabConfig): Problem[] {
  const at = (key: string, message: string): Problem[] => {
    const path = [...step.path, key];
    return [{ path, message: `Field ${fieldName(path)} ${message}` }];
  };
  const definition = faultOf(step.verb);
  if (!definition)
    return at('fault', `is "${step.verb}": there is no such fault, give one of ${Object.keys(FAULTS).join(', ')}`);
  try {
    parseArgs(definition, step.args);
    if (step.target === 'previous') return [];
    if (definition.targets.includes('groups')) {
      // Groups may hold roles, which only the lab can look up.
      if (!/\//.test(step.target)) parseGroups(step.target, lab, step.args.network === 'control' ? 'control' : 'lan');
      return [];
    }
    const target = parseTarget(step.target, lab);
    if (!isRole(target) && !definition.targets.includes(kindOf(target)))
      return at(
        'target',
        `is "${step.target}": ${step.verb} does not act on it, give one of ${formsOf(definition.targets)}`,
      );
    return [];
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return at(/^Target|^Host|^A partition/.test(error.message) ? 'target' : 'fault', `is wrong: ${error.message}`);
  }
}

const RESOLVED: ReadonlySet<string> = new Set(['host', 'process', 'pod', 'link', 'groups']);

/** Whether a target stands for others that only the lab can name. */
function isRole(target: FaultTarget): target is TargetRole {
  return !RESOLVED.has(target.kind);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
