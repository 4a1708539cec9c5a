import type { Pod } from '@svclab/core';
import { resolvConf } from '../resolver/search.ts';

/** What the pod's own `/etc` holds, by file name. */
export interface PodFiles {
  readonly hostname: string;
  readonly 'resolv.conf': string;
  readonly hosts: string;
}

/** Host name of a pod: `spec.hostname`, else its name cut to 63 characters (kubelet `GeneratePodHostNameAndDomain`). */
export function podHostname(pod: Pod): string {
  return pod.spec.hostname ?? pod.metadata.name.slice(0, 63).replace(/[-.]+$/, '');
}

/**
 * The files the kubelet manages in a pod (kubelet `managedHostsFileContent`).
 * @param domain cluster domain, for the name of a pod with a subdomain
 */
export function podFiles(options: {
  readonly pod: Pod;
  readonly ip: string;
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly ndots: number;
  readonly domain: string;
}): PodFiles {
  const { pod, ip, domain } = options;
  const hostname = podHostname(pod);
  const { subdomain } = pod.spec;
  const full = subdomain ? `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${domain}\t` : '';
  const hosts = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(ip === '' ? [] : [`${ip}\t${full}${hostname}`]),
  ];
  return { hostname: `${hostname}\n`, 'resolv.conf': resolvConf(options), hosts: `${hosts.join('\n')}\n` };
}

/** Names that need no DNS in this pod: name -> address. */
export function knownHosts(pod: Pod, ip: string): Map<string, string> {
  const known = new Map([['localhost', '127.0.0.1']]);
  if (ip !== '') known.set(podHostname(pod), ip);
  return known;
}
