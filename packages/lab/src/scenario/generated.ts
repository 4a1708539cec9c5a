/** Files of the repository that are generated from the scenarios. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { scenarioDocs } from './scenario-docs.ts';
import { readScenario } from './scenario-file.ts';
import { scenarioJsonSchema } from './schema.ts';

/** The library's files, sorted, relative to the repository's root. */
export function libraryFiles(root: string): string[] {
  return readdirSync(join(root, 'loadtest/scenarios'))
    .filter((f) => f.endsWith('.yaml'))
    .sort()
    .map((f) => `loadtest/scenarios/${f}`);
}

/** Path from the root -> content of every generated file. */
export function scenarioFilesText(root: string): Record<string, string> {
  const scenarios = libraryFiles(root).map((f) => ({ ...readScenario(join(root, f)), file: f }));
  return {
    'docs/scenarios.md': scenarioDocs(scenarios),
    'docs/schema/scenario.schema.json': `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`,
  };
}
