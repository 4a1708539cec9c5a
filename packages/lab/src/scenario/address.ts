/** Whose an address is. */
import { isIP } from 'node:net';
import type { Pod, Service } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { readApi } from '../driver/cluster-ready.ts';
import { badInput } from '../state/errors.ts';

/**
 * Checks that the address of a URL belongs to a host, a Service or a pod of the lab. Fails with a LabError (bad input) that lists the addresses of
 * LoadBalancer Services when it does not. A name, a loopback address, and any address while the API does not answer pass.
 */
export async function checkAddress(lab: LabConnection, url: string): Promise<void> {
  let address: string;
  try {
    address = new URL(url).hostname.replace(/^\[|\]$/g, '');
  } catch {
    // The prober says what is wrong with it.
    return;
  }
  if (isIP(address) === 0 || /^127\.|^::1$/.test(address)) return;
  if (lab.config.hosts.some((h) => h.lanIP === address || h.controlIP === address)) return;
  const found = await serviceAddresses(lab).catch(() => undefined);
  if (!found || found.all.has(address)) return;
  const vips = [...found.vips].map(([ip, service]) => `${ip} (${service})`);
  throw badInput(
    `Address ${address} belongs to nobody in lab ${lab.name}: ${vips.length === 0 ? 'no LoadBalancer Service has an address' : `LoadBalancer Services have ${vips.join(', ')}`}`,
  );
}

interface Addresses {
  readonly all: ReadonlySet<string>;
  /** Address of a LoadBalancer Service -> its name. */
  readonly vips: ReadonlyMap<string, string>;
}

async function serviceAddresses(lab: LabConnection): Promise<Addresses> {
  const { api } = await lab.service.status({ skipMemory: true });
  const [services, pods, { vips: announced }] = await Promise.all([
    readApi<{ items: Service[] }>(lab, api, '/api/v1/services'),
    readApi<{ items: Pod[] }>(lab, api, '/api/v1/pods'),
    lab.service.vips({}),
  ]);
  const vips = new Map(announced.map((v) => [v.vip, `${v.namespace}/${v.service}`]));
  const all = new Set(vips.keys());
  for (const { metadata, spec, status } of services.items) {
    for (const { ip } of status?.loadBalancer?.ingress ?? []) {
      if (ip === undefined) continue;
      vips.set(ip, `${metadata.namespace}/${metadata.name}`);
      all.add(ip);
    }
    for (const ip of [spec.clusterIP, ...(spec.clusterIPs ?? []), ...(spec.externalIPs ?? [])])
      if (ip !== undefined) all.add(ip);
  }
  for (const { status } of pods.items) if (status?.podIP !== undefined) all.add(status.podIP);
  return { all, vips };
}
