/** What a scenario would do, in lines. */
import { speakMs } from '@svclab/core';
import { type MethodStep, plannedMs, stepText } from './method.ts';
import type { Scenario } from './scenario-file.ts';
import { toleranceText } from './tolerance.ts';

/** Tells what `svclab run` would do, without doing it. */
export function dryRunText(scenario: Scenario, repeats: number): string {
  const { lab, target, steadyState, probe } = scenario;
  const set = Object.entries(lab.set).map(([k, v]) => `${k}=${v}`);
  return [
    `${scenario.title}: ${repeats} run${repeats === 1 ? '' : 's'} of about ${speakMs(scenario.durationMs + scenario.faultPhaseMs / 2)}`,
    `Lab: ${lab.nodes} nodes, ${lab.profile}${lab.ha ? ', highly available' : ''}${set.length > 0 ? `, ${set.join(', ')}` : ''}`,
    ...scenario.manifests.map((m) => `Manifests: kubectl apply -f ${m}`),
    `Prober: ${target.service.namespace}/${target.service.name} via ${target.via} from ${target.from}, path ${target.path}, one request each ${probe.intervalMs} ms on new and on reused connections`,
    ...scenario.beside.map(
      (b) => `Beside: ${b.name}, ${b.service.namespace}/${b.service.name} via ${b.via} from ${b.from}`,
    ),
    ...(scenario.load ? [`Load: ${scenario.load.script}`] : []),
    ...scenario.probes.map((p) => `Probe: ${p.name} (${p.mode}) must find ${toleranceText(p.tolerance)}`),
    `0 ms: steady state for ${speakMs(steadyState.durationMs)}, at most ${steadyState.maxLost} requests lost`,
    ...stepLines(scenario.method, steadyState.durationMs, ''),
    `${plannedMs(scenario.method, steadyState.durationMs)} ms: recovery for ${speakMs(scenario.recoveryMs)}; then whatever is still broken is healed`,
    ...scenario.rollback.steps.map((s) => `Rollback (${scenario.rollback.strategy}): ${stepText(s)}`),
    ...scenario.expectations.map((e) => `Expects: ${e.text}`),
  ].join('\n');
}

function stepLines(steps: readonly MethodStep[], beginMs: number, indent: string): string[] {
  let endMs = beginMs;
  return steps.flatMap((step) => {
    const at = step.atMs ?? endMs + step.afterMs;
    endMs = plannedMs([step], endMs);
    if (step.kind !== 'parallel' && step.kind !== 'serial') return [`${indent}${at} ms: ${stepText(step)}`];
    const inner =
      step.kind === 'serial'
        ? stepLines(step.steps, at, `${indent}  `)
        : step.steps.flatMap((s) => stepLines([s], at, `${indent}  `));
    return [`${indent}${at} ms: ${step.kind}`, ...inner];
  });
}
