import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkScenario } from './check-scenario.ts';
import { libraryFiles, scenarioFilesText } from './generated.ts';
import { readScenario } from './scenario-file.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

describe('the library of scenarios', () => {
  it('has docs and a schema that are up to date (npm run gen)', () => {
    for (const [path, text] of Object.entries(scenarioFilesText(root))) {
      const committed = readFileSync(join(root, path), 'utf8');
      if (path.endsWith('.json')) expect(JSON.parse(committed)).toEqual(JSON.parse(text));
      else expect(committed).toBe(text);
    }
  });
  it.each(libraryFiles(root))('%s is valid, says its question and expects something', (file) => {
    const scenario = readScenario(join(root, file));
    checkScenario(scenario);
    expect(scenario.question).toMatch(/\?$/);
    expect(scenario.description).not.toBe('');
    expect(scenario.expectations).not.toEqual([]);
    expect(readFileSync(join(root, file), 'utf8')).toMatch(/^# yaml-language-server: \$schema=/);
  });
});
