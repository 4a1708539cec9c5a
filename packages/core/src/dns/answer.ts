/** From a question to an answer: the Kubernetes DNS specification 1.1.0 as CoreDNS's kubernetes plugin (with `pods insecure`) answers it. */
import type { Service } from '../api/core.ts';
import { addressOfReverseName, addressType, canonicalAddress, REVERSE_ZONES, undashAddress } from './address.ts';
import type { NamedEndpoint, RecordIndex } from './index-of-records.ts';
import type { DnsAnswer, DnsQuestion, DnsRecord, SoaData } from './record.ts';

/** Settings of the zone. */
export interface ZoneOptions {
  /** Cluster domain, lower case, no final dot: `cluster.local`. */
  readonly zone: string;
  /** TTL of all records and of negative answers, seconds. */
  readonly ttl: number;
  /** Unix time, seconds, of the last change. */
  readonly serial: number;
  /** ClusterIP of kube-dns, the name server of the zone. */
  readonly nameServer: string;
}

/** Records of a name, or what is wrong with it: `nodata` = the name exists, this type does not. */
type Lookup =
  | { readonly kind: 'found'; readonly answers: readonly DnsRecord[]; readonly additionals?: readonly DnsRecord[] }
  | { readonly kind: 'nodata' }
  | { readonly kind: 'nxdomain' };

const NODATA: Lookup = { kind: 'nodata' };
const NXDOMAIN: Lookup = { kind: 'nxdomain' };
/** Longest chain of ExternalName Services followed inside the zone. */
const MAX_CHAIN = 8;

/** Answers one question. Names outside the zone and the reverse zones are REFUSED: a lab has no way out. */
export function answerQuestion(index: RecordIndex, question: DnsQuestion, options: ZoneOptions): DnsAnswer {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const owner = question.name.replace(/\.$/, '');
  if (question.type === 'AXFR' || question.type === 'IXFR') return refused();
  const reverse = REVERSE_ZONES.find((zone) => name === zone || name.endsWith(`.${zone}`));
  if (reverse) return finish(lookupReverse(index, name, owner, question.type, options), reverse, options);
  if (name !== options.zone && !name.endsWith(`.${options.zone}`)) return refused();
  const labels = name === options.zone ? [] : name.slice(0, -options.zone.length - 1).split('.');
  return finish(
    new ZoneLookup(index, options).lookup({ labels, owner, type: question.type, chain: [name] }),
    options.zone,
    options,
  );
}

function refused(): DnsAnswer {
  return { rcode: 'REFUSED', answers: [], authorities: [], additionals: [] };
}

/** The zone's start of authority. */
export function soaRecord(zone: string, options: ZoneOptions): DnsRecord {
  const data: SoaData = {
    mname: `ns.dns.${options.zone}`,
    rname: `hostmaster.${options.zone}`,
    serial: options.serial,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: options.ttl,
  };
  return { name: zone, type: 'SOA', ttl: options.ttl, data };
}

function finish(lookup: Lookup, zone: string, options: ZoneOptions): DnsAnswer {
  if (lookup.kind === 'found' && lookup.answers.length > 0)
    return { rcode: 'NOERROR', answers: lookup.answers, authorities: [], additionals: lookup.additionals ?? [] };
  return {
    rcode: lookup.kind === 'nxdomain' ? 'NXDOMAIN' : 'NOERROR',
    answers: [],
    authorities: [soaRecord(zone, options)],
    additionals: [],
  };
}

function lookupReverse(index: RecordIndex, name: string, owner: string, type: string, options: ZoneOptions): Lookup {
  const address = addressOfReverseName(name);
  if (address === undefined) return NXDOMAIN;
  const ptr = (data: string): DnsRecord => ({ name: owner, type: 'PTR', ttl: options.ttl, data });
  const serviceName = (id: string): string => `${id.split('/').reverse().join('.')}.svc.${options.zone}`;
  const service = index.serviceOfClusterIP(address);
  const targets = service
    ? [serviceName(service)]
    : index.servicesOfEndpoint(address).flatMap((id) => {
        const [namespace = '', svc = ''] = id.split('/');
        const endpoint = index.endpoints(namespace, svc).find((e) => canonicalAddress(e.address) === address);
        return endpoint ? [`${endpoint.name}.${serviceName(id)}`] : [];
      });
  if (targets.length === 0) return NXDOMAIN;
  return type === 'PTR' ? { kind: 'found', answers: targets.map(ptr) } : NODATA;
}

interface Step {
  /** Labels left of the zone. */
  readonly labels: readonly string[];
  /** The name as asked: its case is kept in the answer. */
  readonly owner: string;
  readonly type: string;
  /** Names this answer has gone through, lower case: an alias that leads back ends it. */
  readonly chain: readonly string[];
}

class ZoneLookup {
  readonly #index: RecordIndex;
  readonly #options: ZoneOptions;

  constructor(index: RecordIndex, options: ZoneOptions) {
    this.#index = index;
    this.#options = options;
  }

  lookup(step: Step): Lookup {
    const { labels } = step;
    if (labels.length === 0) return this.#apex(step);
    if (labels.length === 1 && labels[0] === 'dns-version')
      return step.type === 'TXT'
        ? { kind: 'found', answers: [{ name: step.owner, type: 'TXT', ttl: this.#options.ttl, data: ['1.1.0'] }] }
        : NODATA;
    if (labels.length === 2 && labels[0] === 'ns' && labels[1] === 'dns')
      return this.#addresses(step, [this.#options.nameServer]);
    const root = labels.at(-1);
    if (root !== 'svc' && root !== 'pod') return NXDOMAIN;
    if (labels.length === 1) return NODATA;
    const namespace = labels.at(-2) ?? '';
    if (!this.#index.hasNamespace(namespace)) return NXDOMAIN;
    if (labels.length === 2) return NODATA;
    return root === 'pod' ? this.#pod(step) : this.#service(step, namespace, labels.at(-3) ?? '', labels.slice(0, -3));
  }

  #apex(step: Step): Lookup {
    const { ttl, zone, nameServer } = this.#options;
    if (step.type === 'SOA') return { kind: 'found', answers: [soaRecord(step.owner, this.#options)] };
    if (step.type !== 'NS') return NODATA;
    const target = `ns.dns.${zone}`;
    return {
      kind: 'found',
      answers: [{ name: step.owner, type: 'NS', ttl, data: target }],
      additionals: [{ name: target, type: addressType(nameServer), ttl, data: nameServer }],
    };
  }

  /** `pods insecure`: the address is read from the name. */
  #pod(step: Step): Lookup {
    if (step.labels.length !== 3) return NXDOMAIN;
    const address = undashAddress(step.labels[0] ?? '');
    return address === undefined ? NXDOMAIN : this.#addresses(step, [address]);
  }

  #service(step: Step, namespace: string, name: string, rest: readonly string[]): Lookup {
    const service = this.#index.service(namespace, name);
    if (!service) return NXDOMAIN;
    const base = `${name}.${namespace}.svc.${this.#options.zone}`;
    if (service.spec.type === 'ExternalName') return rest.length === 0 ? this.#external(step, service) : NXDOMAIN;
    if (rest.length === 0) return this.#bare(step, service, base);
    if (rest.length === 1) return this.#endpoint(step, service, rest[0] ?? '');
    if (rest.length === 2 && rest[0]?.startsWith('_') && rest[1]?.startsWith('_'))
      return this.#port(step, service, { base, port: rest[0].slice(1), protocol: rest[1].slice(1) });
    return NXDOMAIN;
  }

  #bare(step: Step, service: Service, base: string): Lookup {
    const endpoints = this.#endpointsOf(service);
    if (isHeadless(service) && endpoints.length === 0) return NXDOMAIN;
    if (step.type === 'SRV') return this.#srv(step, service, { base });
    return this.#addresses(step, isHeadless(service) ? endpoints.map((e) => e.address) : clusterIPsOf(service));
  }

  #endpoint(step: Step, service: Service, name: string): Lookup {
    const found = this.#endpointsOf(service).filter((e) => e.name === name);
    if (found.length === 0) return NXDOMAIN;
    return this.#addresses(
      step,
      found.map((e) => e.address),
    );
  }

  #port(step: Step, service: Service, filter: { base: string; port: string; protocol: string }): Lookup {
    const found = this.#srv(step, service, filter);
    if (found.kind !== 'found' || found.answers.length === 0) return NXDOMAIN;
    return step.type === 'SRV' ? found : NODATA;
  }

  /** Service records: of the Service itself, or of each endpoint and port when headless. Weight = 100 / number of addresses and ports that match, at least 1 (CoreDNS counts before it drops duplicates). */
  #srv(step: Step, service: Service, filter: { base: string; port?: string; protocol?: string }): Lookup {
    const { ttl } = this.#options;
    const wanted = (name: string, protocol: string): boolean =>
      filter.port === undefined || (name !== '' && name === filter.port && protocol === filter.protocol);
    const pairs = isHeadless(service)
      ? this.#endpointsOf(service).flatMap((e) =>
          e.ports
            .filter((p) => wanted(p.name, p.protocol))
            .map((p) => ({ target: `${e.name}.${filter.base}`, port: p.port, addresses: [e.address] })),
        )
      : (service.spec.ports ?? [])
          .filter((p) => wanted((p.name ?? '').toLowerCase(), (p.protocol ?? 'TCP').toLowerCase()))
          .map((p) => ({ target: filter.base, port: p.port, addresses: clusterIPsOf(service) }));
    const matches = pairs.reduce((n, p) => n + p.addresses.length, 0);
    const unique = [...new Map(pairs.map((p) => [`${p.target} ${p.port}`, p])).values()];
    const weight = Math.max(1, Math.floor(100 / Math.max(1, matches)));
    const answers = unique.map(
      (p): DnsRecord => ({
        name: step.owner,
        type: 'SRV',
        ttl,
        data: { priority: 0, weight, port: p.port, target: p.target },
      }),
    );
    const glue = new Map(
      unique.flatMap((p) =>
        p.addresses.map((a): [string, DnsRecord] => [
          `${p.target} ${a}`,
          { name: p.target, type: addressType(a), ttl, data: a },
        ]),
      ),
    );
    return { kind: 'found', answers, additionals: [...glue.values()] };
  }

  #external(step: Step, service: Service): Lookup {
    const target = (service.spec.externalName ?? '').replace(/\.$/, '');
    if (target === '' || canonicalAddress(target) !== undefined) return NODATA;
    if (step.type !== 'A' && step.type !== 'AAAA' && step.type !== 'CNAME') return NODATA;
    const cname: DnsRecord = { name: step.owner, type: 'CNAME', ttl: this.#options.ttl, data: target };
    const lower = target.toLowerCase();
    if (step.type === 'CNAME' || !lower.endsWith(`.${this.#options.zone}`) || step.chain.length > MAX_CHAIN)
      return { kind: 'found', answers: [cname] };
    const labels = lower.slice(0, -this.#options.zone.length - 1).split('.');
    if (step.chain.includes(lower)) return { kind: 'found', answers: [cname] };
    const next = this.lookup({ labels, owner: target, type: step.type, chain: [...step.chain, lower] });
    return { kind: 'found', answers: [cname, ...(next.kind === 'found' ? next.answers : [])] };
  }

  #addresses(step: Step, addresses: readonly string[]): Lookup {
    const ttl = this.#options.ttl;
    const matching = [...new Set(addresses)].filter((a) => addressType(a) === step.type);
    if (matching.length === 0) return NODATA;
    return {
      kind: 'found',
      answers: matching.map((data): DnsRecord => ({ name: step.owner, type: addressType(data), ttl, data })),
    };
  }

  #endpointsOf(service: Service): readonly NamedEndpoint[] {
    return this.#index.endpoints(service.metadata.namespace ?? '', service.metadata.name);
  }
}

function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === undefined || service.spec.clusterIP === '' || service.spec.clusterIP === 'None';
}

function clusterIPsOf(service: Service): readonly string[] {
  return service.spec.clusterIPs ?? (service.spec.clusterIP === undefined ? [] : [service.spec.clusterIP]);
}
