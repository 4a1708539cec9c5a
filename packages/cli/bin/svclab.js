#!/usr/bin/env node
// The command as npm links it. The program itself is compiled: dist/main.js.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('svclab is not built yet: run "npm run build" in the checkout\n');
  process.exit(4);
}
await import(main.href);
