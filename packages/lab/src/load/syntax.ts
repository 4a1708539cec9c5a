/** Where a script does not parse. Node tells it only of an error that nobody catches, so a child that only parses is let fail. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

const PARSE = `
const { SourceTextModule } = require('node:vm');
let source = '';
process.stdin.on('data', (chunk) => { source += chunk; });
process.stdin.on('end', () => { new SourceTextModule(source, { identifier: 'svclab-script' }); });`;

function badLine(source: string): string {
  const child = spawnSync(process.execPath, ['--experimental-vm-modules', '--no-warnings', '-e', PARSE], {
    input: source,
    encoding: 'utf8',
  });
  return /^svclab-script:(\d+)$/m.exec(child.stderr ?? '')?.[1] ?? '';
}

/** `script.js:4` for the first of a script's modules that does not parse; undefined when all do. */
export function syntaxPlace(script: string): string | undefined {
  const seen = new Set<string>();
  const look = (file: string): string | undefined => {
    if (seen.has(file)) return undefined;
    seen.add(file);
    let source: string;
    try {
      source = readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
    const line = badLine(source);
    if (line !== '') return `${relative(dirname(script), file)}:${line}`;
    for (const [, path] of source.matchAll(/\bfrom\s*['"](\.[^'"]+)['"]/g)) {
      const place = look(resolve(dirname(file), path ?? ''));
      if (place) return place;
    }
    return undefined;
  };
  return look(script);
}
