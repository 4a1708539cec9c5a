// Fails when dependency-cruiser saw fewer modules than there are sources: a cruiser that cannot read TypeScript sees none and is content.
import { execFileSync } from 'node:child_process';

const cruise = execFileSync(
  'node_modules/.bin/depcruise',
  ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'packages', 'services'],
  {
    maxBuffer: 1 << 28,
  },
);
const seen = JSON.parse(cruise).modules.filter((m) => /^(packages|services)\/.*\/src\/.*\.ts$/.test(m.source)).length;
const tracked = execFileSync('git', [
  'ls-files',
  '-co',
  '--exclude-standard',
  'packages/*/src/**.ts',
  'services/*/src/**.ts',
])
  .toString()
  .trim()
  .split('\n').length;
if (seen < tracked) {
  console.error(`Boundary check saw ${seen} of ${tracked} modules`);
  process.exit(1);
}
