// Holds the snippets of docs/testcontainers.md identical to the regions of the tests they are parts of. `--write` copies them over.
import { readFileSync, writeFileSync } from 'node:fs';

const PAGES = [['docs/testcontainers.md', 'test/testcontainers/service-lab.test.ts']];
const write = process.argv.includes('--write');
let failed = false;

/** The regions of a source by name, without their common indentation. */
function regionsOf(source) {
  const regions = new Map();
  for (const [, indent, name, body] of source.matchAll(/^( *)\/\/ #region (\S+)\n(.*?)^ *\/\/ #endregion$/gms))
    regions.set(name, body.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trimEnd());
  return regions;
}

for (const [page, test] of PAGES) {
  const regions = regionsOf(readFileSync(test, 'utf8'));
  const text = readFileSync(page, 'utf8');
  const used = new Set();
  const wanted = text.replaceAll(/<!-- snippet: (\S+) -->\n```ts\n.*?```/gs, (all, name) => {
    used.add(name);
    const region = regions.get(name);
    return region === undefined ? all : `<!-- snippet: ${name} -->\n\`\`\`ts\n${region}\n\`\`\``;
  });
  const unknown = [...used].filter((name) => !regions.has(name));
  const unused = [...regions.keys()].filter((name) => !used.has(name));
  for (const name of unknown) process.stderr.write(`${page}: snippet ${name} is no region of ${test}\n`);
  for (const name of unused) process.stderr.write(`${test}: region ${name} is no snippet of ${page}\n`);
  failed ||= unknown.length > 0 || unused.length > 0 || used.size === 0;
  if (wanted === text) continue;
  if (write) writeFileSync(page, wanted);
  else {
    process.stderr.write(`${page}: snippets are not those of ${test} (node scripts/check-snippets.mjs --write)\n`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
