// Generates docs/scenarios.md, docs/faults.md and docs/schema/*.schema.json from the scenario files, the faults' definitions, and the schemas of
// scenarios and reports. Needs a build.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { faultDocs } from '../packages/lab/dist/faults/fault-docs.js';
import { FAULTS } from '../packages/lab/dist/faults/index.js';
import { reportJsonSchema } from '../packages/lab/dist/report/schema.js';
import { scenarioFilesText } from '../packages/lab/dist/scenario/generated.js';

mkdirSync('docs/schema', { recursive: true });
const files = {
  ...scenarioFilesText(process.cwd()),
  'docs/faults.md': faultDocs(Object.values(FAULTS)),
  'docs/schema/report.schema.json': `${JSON.stringify(reportJsonSchema(), null, 2)}\n`,
};
for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
execFileSync('node_modules/.bin/biome', ['format', '--write', 'docs/schema'], { stdio: 'inherit' });
