// Compiles every package with one `tsc -b`. Does nothing when dist/ is newer than all sources.
import { spawnSync } from 'node:child_process';

const done = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { stdio: 'inherit' });
process.exit(done.status ?? 1);
