/** The `svclab` command. Commands are defined light and load what they do when they are run. */
import { program } from './program.ts';
import { report } from './report-error.ts';

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program().parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
