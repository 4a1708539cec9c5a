/** What a pod's `/etc/resolv.conf` says. */
export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** Names with at least so many dots are tried as they are first. Kubernetes sets 5. */
  readonly ndots: number;
  /** Wait for one nameserver's answer, milliseconds. */
  readonly timeout: number;
  /** Rounds over the list of nameservers. */
  readonly attempts: number;
}

/** `options ndots:5` is what the kubelet writes for ClusterFirst; time-out and attempts are resolv.conf(5)'s defaults. */
export const RESOLVER_DEFAULTS = { ndots: 5, timeout: 5000, attempts: 2 } as const;

/**
 * The absolute names a resolver tries for `name`, in order (resolv.conf(5), `search` and `ndots`).
 * A trailing dot makes a name absolute. Results have no trailing dot.
 */
export function candidateNames(name: string, config: Pick<ResolverConfig, 'searches' | 'ndots'>): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = config.searches.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  const dots = name.split('.').length - 1;
  return dots >= config.ndots ? [name, ...searched] : [...searched, name];
}

/** The text of the pod's `/etc/resolv.conf`. */
export function resolvConf(config: Pick<ResolverConfig, 'nameservers' | 'searches' | 'ndots'>): string {
  const lines = config.nameservers.map((server) => `nameserver ${server}`);
  if (config.searches.length > 0) lines.unshift(`search ${config.searches.join(' ')}`);
  lines.push(`options ndots:${config.ndots}`);
  return `${lines.join('\n')}\n`;
}
