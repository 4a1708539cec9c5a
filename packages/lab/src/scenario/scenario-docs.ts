/** docs/scenarios.md: the library of scenarios, from the files themselves. */
import { basename } from 'node:path';
import { speakMs } from '@svclab/core';
import { stepText } from './method.ts';
import type { Scenario } from './scenario-file.ts';

/** The page. `scenarios` in the order they are shown. */
export function scenarioDocs(scenarios: readonly Scenario[]): string {
  const anchor = (s: Scenario): string => basename(s.file, '.yaml');
  return [
    '# Scenarios',
    '',
    'Generated from the files in `loadtest/scenarios` by `npm run gen`; a test checks that it is up to date.',
    'Each is one question. Run one with `svclab run loadtest/scenarios/NAME.yaml`, add `--repeat 30` for a distribution,',
    '`--dry-run` to see what it would do. How to write your own: [scenario-files.md](scenario-files.md).',
    '',
    '| scenario | question | takes |',
    '|---|---|---|',
    ...scenarios.map(
      (s) =>
        `| [${anchor(s)}](#${anchor(s)}) | ${s.question} | ${speakMs(s.durationMs * Math.max(1, s.cases.length))}${s.tags.includes('nightly') ? ', nightly' : ''} |`,
    ),
    '',
    ...scenarios.flatMap((s) => [
      `## ${anchor(s)}`,
      '',
      `**${s.question}** ${s.description.trim().replace(/\s+/g, ' ')}`,
      '',
      `${s.lab.nodes} nodes, \`${s.lab.profile}\` timers, ${s.target.service.namespace}/${s.target.service.name} via ${s.target.via}.`,
      ...(s.beside.length > 0
        ? ['', `Measured beside it: ${s.beside.map((b) => `${b.name} (${b.service.name} via ${b.via})`).join(', ')}.`]
        : []),
      '',
      ...(s.cases.length > 0 ? s.cases.map((c) => `- ${c.name}: ${steps(c.scenario)}`) : [`- Method: ${steps(s)}`]),
      ...s.expectations.map((e) => `- Expects \`${e.text}\``),
      ...(s.expectViolation.length > 0 ? [`- The violation of ${s.expectViolation.join(', ')} is the point`] : []),
      '',
    ]),
  ].join('\n');
}

function steps(s: Scenario): string {
  return s.method.map((m) => `\`${stepText(m)}\``).join(', then ') || 'none';
}
