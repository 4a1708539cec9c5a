/** What is done to containers from outside, by the engine's API alone: nothing of svclab takes part. */
import { getContainerRuntimeClient } from 'testcontainers';

/** A fault of a whole container. */
export type ContainerFault = 'kill' | 'pause' | 'stop' | 'restart' | 'disconnect';

/** How long a pause lasts, ms. */
const PAUSE_MS = 10_000;
/** How long a network stays cut, ms: longer than connections take to be given up. */
const CUT_MS = 4000;
/** How long a killed or stopped container stays down, ms. */
const DOWN_MS = 2000;

/** How long a probe goes on so that it sees the fault and its end, seconds. */
export const PROBE_S: Readonly<Record<ContainerFault, number>> = {
  kill: 6,
  stop: 7,
  restart: 6,
  pause: 13,
  disconnect: 8,
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Breaks a container and brings it back. A network that is cut is connected again with `address` where it is given. */
export async function breakAndMend(
  fault: ContainerFault,
  name: string,
  cut: { readonly network: string; readonly address?: string },
): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const container = dockerode.getContainer(name);
  switch (fault) {
    case 'kill':
      await container.kill();
      await pause(DOWN_MS);
      await container.start();
      return;
    case 'stop':
      await container.stop();
      await pause(DOWN_MS);
      await container.start();
      return;
    case 'restart':
      await container.restart({ t: 3 });
      return;
    case 'pause':
      await container.pause();
      await pause(PAUSE_MS);
      await container.unpause();
      return;
    case 'disconnect': {
      const network = dockerode.getNetwork(cut.network);
      await network.disconnect({ Container: name });
      await pause(CUT_MS);
      await network.connect({
        Container: name,
        ...(cut.address === undefined ? {} : { EndpointConfig: { IPAMConfig: { IPv4Address: cut.address } } }),
      });
      return;
    }
  }
}

/** What each fault is on the timeline: a restart begins as a stop. */
export const SEEN_AS: Readonly<Record<ContainerFault, string>> = {
  kill: 'kill',
  stop: 'stop',
  restart: 'stop',
  pause: 'pause',
  disconnect: 'disconnect',
};
