/** The containers of a composed lab, found by the labels Compose gives them. */
import type { HostSpec } from '@svclab/core';
import { environmentError } from '../state/errors.ts';
import { docker, explain } from './docker-cli.ts';

/** A container of a lab. */
export interface LabContainer {
  readonly id: string;
  readonly name: string;
  /** Its service in the compose file. */
  readonly service: string;
  /** running, paused, exited, created, restarting, dead */
  readonly state: string;
}

/** Name of a host's service: `client` for client-1, else the host's own. */
export function serviceOf(host: Pick<HostSpec, 'name' | 'role'>): string {
  return host.name === 'client-1' ? 'client' : host.name;
}

/** All containers of a project, also those that do not run. Fails with a LabError when Docker cannot be asked. */
export async function containersOf(project: string): Promise<LabContainer[]> {
  const done = await docker([
    ...['ps', '-a', '--no-trunc', '--filter', `label=com.docker.compose.project=${project}`],
    ...[
      '--format',
      '{{.ID}}\t{{.Names}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Label "com.docker.compose.oneoff"}}',
    ],
  ]);
  if (done.code !== 0) throw environmentError(`Docker engine cannot be asked: ${explain(done.stderr)}`);
  return done.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
    .filter(([, , , , oneoff]) => oneoff !== 'True')
    .map(([id = '', name = '', service = '', state = '']) => ({ id, name, service, state }));
}

/** Projects whose supervisor runs, sorted: the composed labs. */
export async function composedLabs(): Promise<string[]> {
  const done = await docker([
    ...['ps', '--filter', 'label=dev.svclab.role=supervisor'],
    ...['--format', '{{.Label "com.docker.compose.project"}}'],
  ]);
  if (done.code !== 0) throw environmentError(`Docker engine cannot be asked: ${explain(done.stderr)}`);
  return done.stdout
    .split('\n')
    .filter((l) => l !== '')
    .sort();
}
