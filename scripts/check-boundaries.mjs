// Two checks that no lint rule makes:
// 1. dependency-cruiser saw every source (a cruiser that cannot read TypeScript sees none and is content);
// 2. time, chance and the environment come through the adapters alone, so that the control plane can run under virtual time.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const sources = execFileSync('git', [
  'ls-files',
  '-co',
  '--exclude-standard',
  'packages/*/src/*.ts',
  'services/*/src/*.ts',
])
  .toString()
  .trim()
  .split('\n');

const cruise = execFileSync(
  'node_modules/.bin/depcruise',
  ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'packages', 'services'],
  { maxBuffer: 1 << 28 },
);
const seen = JSON.parse(cruise).modules.filter((m) => /^(packages|services)\/.*\/src\/.*\.ts$/.test(m.source)).length;

const problems = seen < sources.length ? [`dependency-cruiser saw ${seen} of ${sources.length} modules`] : [];

/** What may only stand in the files beside it: the adapters, and programs that are themselves clocks (load host, prober). */
const guarded = [
  [/\bMath\.random\b/, /^packages\/runtime\/src\/process\/clock\.ts$/],
  [/\bDate\.now\b|\bnew Date\(\)/, /^packages\/runtime\/src\/process\/clock\.ts$/],
  [
    /(?<![.\w])set(Timeout|Interval)\(/,
    /^packages\/runtime\/src\/(process|bus|grpc|store)\/|^packages\/lab\/src\/(load|prober)\//,
  ],
  [
    /\bprocess\.env\b/,
    /^packages\/runtime\/src\/process\/|^packages\/(lab|cli)\/|^services\/[^/]+\/src\/(main|config)\.ts$/,
  ],
];
for (const file of sources) {
  if (/\.test\.ts$|\/gen\/|^packages\/testkit\//.test(file)) continue;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, i) => {
      if (/^\s*(\*|\/\/|\/\*)/.test(line)) return;
      for (const [pattern, allowed] of guarded)
        if (pattern.test(line) && !allowed.test(file))
          problems.push(`${file}:${i + 1}: ${line.trim()} (take it from the injected clock, random or config)`);
    });
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exit(1);
}
