import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { print } from '../context.ts';
import { outputOption } from '../options.ts';

/** `svclab version`. */
export function addVersion(parent: Command): void {
  parent
    .command('version')
    .description('the version of svclab and of what runs it')
    .addOption(outputOption())
    .action(async (flags: { output: string }) => {
      const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
        version: string;
      };
      print(
        flags.output,
        { version, node: process.versions.node },
        () => `svclab ${version} (Node.js ${process.versions.node})`,
      );
    });
}
