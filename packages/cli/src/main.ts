/** The `svclab` command. Commands are defined light and load what they do when they are run. */
import { program } from './program.ts';
import { report } from './report-error.ts';

try {
  await program().parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
