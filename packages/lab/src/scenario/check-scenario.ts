/** What can be wrong with a scenario though every field is well formed: checked before a lab is made. */
import { statSync } from 'node:fs';
import { badInput } from '../state/errors.ts';
import { fieldName } from './explain.ts';
import { allSteps } from './method.ts';
import { type Scenario, scenarioLab } from './scenario-file.ts';

/** Checks targets, faults, files and names against the lab the scenario asks for. Fails with a LabError, one line for each problem. */
export function checkScenario(scenario: Scenario, driver: 'netns' | 'docker' = 'netns'): void {
  const lab = scenarioLab(scenario, 'run', driver);
  const problems: string[] = [];
  const nodes = lab.hosts.filter((h) => h.role === 'node').map((h) => h.name);
  const node = (field: string, text: string, name: string | undefined, roles: readonly string[]): void => {
    if (name === undefined || nodes.includes(name) || roles.includes(name)) return;
    problems.push(`Field ${field} is "${text}": the lab has no such node, give ${[...roles, ...nodes].join(', ')}`);
  };
  for (const [i, t] of [scenario.target, ...scenario.beside].entries()) {
    const at = i === 0 ? '' : `beside[${i - 1}].`;
    node(`${at}via`, t.via, /^nodeport\/(.*)$/.exec(t.via)?.[1], ['owner', 'other']);
    node(`${at}from`, t.from, /^node\/(.*)$/.exec(t.from)?.[1], []);
    if (t.via === 'clusterip' && t.from === 'client')
      problems.push(`Field ${at}via is clusterip: the client is no node and cannot reach it, give from: node/NAME`);
  }
  for (const [i, m] of scenario.manifests.entries())
    if (!exists(m)) problems.push(`Field manifests[${i}] is ${m}: there is no such file or folder`);
  const loads = [
    ...(scenario.load ? [{ field: 'load.script', script: scenario.load.script }] : []),
    ...allSteps(scenario.method).flatMap((s) =>
      s.kind === 'load' ? [{ field: `${fieldName(s.path)}.load.script`, script: s.load.script }] : [],
    ),
  ];
  for (const l of loads) if (!exists(l.script)) problems.push(`Field ${l.field} is ${l.script}: there is no such file`);
  const file = scenario.file === '' ? '' : `${scenario.file}: `;
  if (problems.length > 0) throw badInput(problems.map((p) => `${file}${p}`).join('\n'));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
