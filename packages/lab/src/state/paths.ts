import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { badInput, environmentError } from './errors.ts';

/** Files of one lab, all below its directory. */
export interface LabPaths {
  readonly dir: string;
  /** lab.json */
  readonly config: string;
  /** Passwords and tokens, mode 0600. */
  readonly secrets: string;
  /** Unix socket of the supervisor. */
  readonly socket: string;
  /** What the supervisor and the lab's first process said. */
  readonly supervisorLog: string;
  /** Host's view of the lab's first process: pid and start time. */
  readonly pid: string;
  readonly logs: string;
  readonly run: string;
  readonly jetstream: string;
  readonly pki: string;
  readonly kubeconfig: string;
  readonly timeline: string;
}

/** A Unix socket's path may have 107 bytes on Linux; the longest one of a lab ends in `/run/node-90/pod-host.sock`. */
const LONGEST_DIR = 107 - '/run/node-90/pod-host.sock'.length;

/** Where labs keep their state: `SVCLAB_STATE_DIR`, else `$XDG_STATE_HOME/svclab`, else `~/.local/state/svclab`. */
export function stateRoot(env: Readonly<Record<string, string | undefined>>): string {
  if (env.SVCLAB_STATE_DIR) return resolve(env.SVCLAB_STATE_DIR);
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'svclab');
}

/** Files of the lab `name`. Fails with a LabError when the name is no DNS label of at most 30 characters or the directory's path is too long for a socket. */
export function labPaths(root: string, name: string): LabPaths {
  if (!/^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(name))
    throw badInput(
      `Lab name "${name}" cannot be used: give 1 to 30 lower-case letters, digits and dashes, with a letter or digit at both ends`,
    );
  const dir = join(root, name);
  if (Buffer.byteLength(dir) > LONGEST_DIR)
    throw environmentError(
      `State directory ${dir} is too long for Unix sockets (${Buffer.byteLength(dir)} bytes, at most ${LONGEST_DIR}): set SVCLAB_STATE_DIR to a shorter one`,
    );
  return {
    dir,
    config: join(dir, 'lab.json'),
    secrets: join(dir, 'secrets.json'),
    socket: join(dir, 'lab.sock'),
    supervisorLog: join(dir, 'supervisor.log'),
    pid: join(dir, 'pid.json'),
    logs: join(dir, 'logs'),
    run: join(dir, 'run'),
    jetstream: join(dir, 'jetstream'),
    pki: join(dir, 'pki'),
    kubeconfig: join(dir, 'kubeconfig'),
    timeline: join(dir, 'timeline.jsonl'),
  };
}
