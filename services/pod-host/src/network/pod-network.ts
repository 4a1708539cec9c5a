import { createNetns, type Netns, openNetns, withNetns, writeSysctl } from '@svclab/runtime';
import { type IpBatcher, ipSteps } from './ip-batch.ts';
import { interfaceSysctls, nodeSide, type PodNetworkSpec, podSide, removal } from './plan.ts';

/** A pod's network, as long as the pod lives. */
export interface PodNetwork {
  readonly netns: Netns;
  /** Node-side interface; empty with hostNetwork. */
  readonly hostInterface: string;
  /** Removes interface and namespace. */
  remove(): Promise<void>;
}

/** What it takes to attach a pod. */
export interface PodNetworkOptions extends Omit<PodNetworkSpec, 'netnsPath'> {
  /** The node's namespace. */
  readonly node: Netns;
  /** Runs the node-side lines. */
  readonly batcher: IpBatcher;
}

/**
 * Makes a pod's namespace and joins it to the node. An interface of that name that is left over (the kernel removes a dead
 * pod-host's interfaces a little later) goes first. Fails with `IpError` or `NetnsError`, leaving nothing.
 */
export async function attachPod(options: PodNetworkOptions): Promise<PodNetwork> {
  const { node, batcher, hostInterface } = options;
  const netns = createNetns();
  const spec: PodNetworkSpec = { ...options, netnsPath: netns.procPath };
  const remove = async (): Promise<void> => {
    await batcher.run(removal(hostInterface).map((line) => ({ line, optional: true })));
    netns.close();
  };
  try {
    withNetns(netns, () => writeSysctl('net/ipv4/ip_unprivileged_port_start', 0));
    await batcher.run([
      ...removal(hostInterface).map((line) => ({ line, optional: true })),
      ...nodeSide(spec).map((line) => ({ line })),
    ]);
    withNetns(node, () => {
      for (const [path, value] of interfaceSysctls(hostInterface)) writeSysctl(path, value);
    });
    await ipSteps(
      netns,
      podSide(spec).map((line) => ({ line })),
    );
  } catch (error) {
    await remove();
    throw error;
  }
  return { netns, hostInterface, remove };
}

/** The network of a hostNetwork pod: the node's own. */
export function hostNetwork(node: Netns): PodNetwork {
  const netns = openNetns(node.path);
  return {
    netns,
    hostInterface: '',
    remove: () => {
      netns.close();
      return Promise.resolve();
    },
  };
}
