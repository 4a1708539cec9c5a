/** What a Service asks for. Source: metallb/metallb `controller/service.go`, `internal/allocator/k8salloc/k8salloc.go`. */
import type { Service } from '../../api/core.ts';
import { formatIp, type Ip, parseIp } from '../../kube/net/ip.ts';
import { canonicalJson } from '../common/hash.ts';

/** Prefix of the annotations, and the one before it, which is still read. */
export const PREFIX = 'metallb.io/';
export const OLD_PREFIX = 'metallb.universe.tf/';
/** Annotation the allocator writes. */
export const ALLOCATED_FROM = `${PREFIX}ip-allocated-from-pool`;

/** A Service's wishes, and what decides with whom it may share an address. */
export interface Request {
  /** `namespace/name`. */
  readonly key: string;
  /** Addresses asked for; empty: any. */
  readonly ips: readonly Ip[];
  /** Pool asked for. */
  readonly pool: string | undefined;
  /** Services with the same key may share an address; empty: no sharing. */
  readonly sharingKey: string;
  /** Sharers must have the same one: empty for policy Cluster, the selector for Local. */
  readonly backendKey: string;
  /** `TCP/80` ... : sharers must have none in common. */
  readonly ports: readonly string[];
  /** Families the Service is to have an address of, the first one first. */
  readonly families: readonly Ip['family'][];
  /** False when one family will do, should no pool have both. */
  readonly allFamilies: boolean;
  /** Why the wishes cannot be met at all. */
  readonly problem: string | undefined;
  /** Annotations with the old prefix that were read. */
  readonly deprecated: readonly string[];
}

/** True for Services the allocator looks after: of type LoadBalancer and without a class. */
export function isServed(service: Service): boolean {
  return service.spec.type === 'LoadBalancer' && !service.spec.loadBalancerClass;
}

/** Reads the wishes of a Service. */
export function requestOf(service: Service): Request {
  const { spec, metadata } = service;
  const annotations = metadata.annotations ?? {};
  const deprecated: string[] = [];
  const read = (name: string): string | undefined => {
    const value = annotations[PREFIX + name];
    const old = annotations[OLD_PREFIX + name];
    if (old !== undefined) deprecated.push(OLD_PREFIX + name);
    return value ?? old;
  };
  const families = (spec.ipFamilies ?? []).length > 0 ? (spec.ipFamilies ?? []) : (['IPv4'] as const);
  const { ips, problem } = addresses(read('loadBalancerIPs'), spec.loadBalancerIP, families);
  const local = spec.externalTrafficPolicy === 'Local';
  return {
    key: `${metadata.namespace ?? ''}/${metadata.name}`,
    ips,
    pool: read('address-pool') || undefined,
    sharingKey: read('allow-shared-ip') ?? '',
    backendKey: local ? canonicalJson(spec.selector ?? {}) : '',
    ports: (spec.ports ?? []).map((p) => `${p.protocol ?? 'TCP'}/${p.port}`),
    families,
    allFamilies: spec.ipFamilyPolicy !== 'PreferDualStack',
    problem,
    deprecated,
  };
}

function addresses(
  annotation: string | undefined,
  field: string | undefined,
  families: readonly Ip['family'][],
): { readonly ips: readonly Ip[]; readonly problem: string | undefined } {
  const failed = (problem: string): { ips: readonly Ip[]; problem: string } => ({ ips: [], problem });
  if (annotation && field)
    return failed(`service can not have both ${PREFIX}loadBalancerIPs and svc.Spec.LoadBalancerIP`);
  const texts = (annotation || field || '')
    .split(',')
    .map((t) => t.trim())
    .filter((t) => t !== '');
  const ips: Ip[] = [];
  for (const text of texts) {
    const ip = parseIp(text);
    if (!ip) return failed(`invalid IP ${JSON.stringify(text)}`);
    if (ips.some((other) => other.family === ip.family))
      return failed(`more than one ${ip.family} address in ${JSON.stringify(texts.join(','))}`);
    if (!families.includes(ip.family))
      return failed(`IP ${JSON.stringify(text)} is not of the service's family ${families.join(', ')}`);
    ips.push(ip);
  }
  return { ips, problem: undefined };
}

/** Addresses as MetalLB prints them: `["10.0.0.1"]`. */
export function quoteIps(ips: readonly Ip[]): string {
  return `[${ips.map((ip) => JSON.stringify(formatIp(ip))).join(' ')}]`;
}
