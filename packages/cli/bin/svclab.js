#!/usr/bin/env node
// The command as npm links it. The program itself is built: dist/programs/svclab.js.
import { existsSync } from 'node:fs';

const program = new URL('../../../dist/programs/svclab.js', import.meta.url);
if (!existsSync(program)) {
  process.stderr.write('svclab is not built yet: run "npm run build" in the checkout\n');
  process.exit(4);
}
await import(program.href);
