/** What the agent needs of the lab's configuration, checked once. */

import type { ProxyNode } from '@svclab/core';
import { ConfigError, type ProcessConfig } from '@svclab/runtime';

/** The node this agent is for. */
export interface NodeSettings {
  readonly name: string;
  readonly lanIP: string;
  readonly controlIP: string;
  readonly podCIDR: string;
  /** The node as its rules see it. */
  readonly proxy: ProxyNode;
}

/** Fails with {@link ConfigError} when the host is no node. */
export function nodeSettings({ host, lab }: ProcessConfig): NodeSettings {
  const { lanIP, controlIP, podCIDR } = host;
  const problems = Object.entries({ lanIP, controlIP, podCIDR }).flatMap(([key, value]) =>
    value ? [] : [`host ${host.name} has no ${key}: a node-agent runs on hosts of role node`],
  );
  if (!lanIP || !controlIP || !podCIDR) throw new ConfigError(problems);
  return {
    name: host.name,
    lanIP,
    controlIP,
    podCIDR,
    proxy: {
      name: host.name,
      ip: lanIP,
      podCIDR,
      clusterPodCIDR: lab.podCIDR,
      serviceCIDR: lab.serviceCIDR,
    },
  };
}
