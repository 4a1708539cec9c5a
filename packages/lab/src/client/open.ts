/** Labs of either driver behind one door. */
import { connectDockerLab, connectFromInside } from '../docker/connect-docker.ts';
import { composedLabs } from '../docker/containers.ts';
import { downDocker, upDocker } from '../docker/up-docker.ts';
import { down, type UpOptions, up } from '../driver/up.ts';
import { connectLab, type LabConnection, runningLabs } from './connect.ts';

/** How hosts are made. */
export type Driver = 'netns' | 'docker';

/** Which lab is meant. */
export interface LabRef {
  readonly driver: Driver;
  /** Undefined: the driver's usual name. */
  readonly name: string | undefined;
}

/** A lab's name when none is given: that of compose.yaml's project with docker. */
export function labName({ driver, name }: LabRef): string {
  return name ?? (driver === 'docker' ? 'svclab' : 'lab');
}

/** Set in a container of the lab that shares the client host's network. */
const INSIDE = 'SVCLAB_INSIDE';

/** Connects to a running lab. Fails with a LabError that says which labs run, or how to start one. */
export async function openLab(root: string, ref: LabRef): Promise<LabConnection> {
  if (process.env[INSIDE] !== undefined) return connectFromInside(root);
  return ref.driver === 'docker' ? connectDockerLab(root, labName(ref)) : connectLab(root, labName(ref));
}

/** Starts a lab with the driver the options name. Fails with a LabError. */
export function startLab(options: UpOptions): Promise<LabConnection> {
  return options.driver === 'docker' ? upDocker(options) : up(options);
}

/** Ends a lab and removes all of it. Fails with a LabError (bad input) when there is none. */
export function endLab(root: string, ref: LabRef): Promise<void> {
  return ref.driver === 'docker' ? downDocker(root, labName(ref)) : down(root, labName(ref));
}

/** Names of the labs of a driver that run, sorted. */
export async function labsOf(root: string, driver: Driver): Promise<string[]> {
  return driver === 'docker' ? composedLabs() : runningLabs(root);
}
