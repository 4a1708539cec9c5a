import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** `PATH` of a program whose container sets none (the OCI default). */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Environment of a program in a container: the container's own, plus what every container has. Nothing of this process. */
export function execEnvironment(
  env: Readonly<Record<string, string>>,
  hostname: string,
  tty: boolean,
): Record<string, string> {
  return { PATH: DEFAULT_PATH, HOME: '/root', HOSTNAME: hostname, ...(tty ? { TERM: 'xterm' } : {}), ...env };
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The file a command names, by `path` as execvp(3) does. Undefined: there is none that can be executed. */
export function findProgram(command: string, path: string): string | undefined {
  if (command.includes('/')) return executable(command) ? command : undefined;
  return path
    .split(':')
    .map((folder) => join(folder || '.', command))
    .find(executable);
}

/** One argument as a POSIX shell reads it back unchanged. */
export function shellQuote(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

/**
 * The shell script that makes the pod's `/etc` visible in a mount namespace and then becomes the program.
 * Arguments: directory of the files, host name, program and its arguments. A file that cannot be mounted is told on stderr.
 */
export const ENTER_SCRIPT = [
  'for file in resolv.conf hosts hostname; do',
  '  mount --bind "$1/$file" "/etc/$file" 2>/dev/null || echo "svclab: /etc/$file is the machine\'s own: it cannot be mounted" >&2',
  'done',
  'hostname "$2" 2>/dev/null || true',
  'shift 2',
  'exec "$@"',
].join('\n');

/** The command line that runs `command` with exactly this environment. A shell before it would drop names such as `database.host`. */
export function withEnvironment(env: Readonly<Record<string, string>>, command: readonly string[]): string[] {
  return ['env', '-i', '--', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...command];
}

/** The command line that runs `command` with the pod's files, through util-linux's unshare. */
export function enterPod(directory: string, hostname: string, command: readonly string[]): string[] {
  return [
    'unshare',
    '--mount',
    '--uts',
    '--propagation',
    'private',
    '--',
    'sh',
    '-c',
    ENTER_SCRIPT,
    'sh',
    directory,
    hostname,
    ...command,
  ];
}

/** The command line that gives `command` a terminal of its own, through util-linux's script. */
export function withTerminal(command: readonly string[]): string[] {
  return ['script', '--quiet', '--return', '--command', command.map(shellQuote).join(' '), '/dev/null'];
}
