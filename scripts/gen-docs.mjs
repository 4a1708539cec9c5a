// Generates docs/scenarios.md and docs/schema/scenario.schema.json from the scenario files and their schema. Needs a build.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { scenarioFilesText } from '../packages/lab/dist/scenario/generated.js';

mkdirSync('docs/schema', { recursive: true });
const files = scenarioFilesText(process.cwd());
for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
execFileSync('node_modules/.bin/biome', ['format', '--write', 'docs/schema'], { stdio: 'inherit' });
