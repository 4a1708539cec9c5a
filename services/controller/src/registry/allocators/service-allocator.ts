/** ClusterIPs and node ports of Services. Source of the rules: KEP-3070, KEP-3668, kubernetes `pkg/registry/core/service/storage/alloc.go`. */
import {
  clusterIpBands,
  type FieldError,
  formatIp,
  type IpRange,
  inRange,
  internalError,
  invalid,
  invalidField,
  isHeadless,
  needsHealthCheck,
  nodePortBands,
  parseIp,
  pickFree,
  type Random,
  type Service,
  type ServicePort,
  type ServiceSpec,
  wantsClusterIP,
} from '@svclab/core';
import type { Allocated, StrategyContext } from '../strategy.ts';
import { type AllocationOwner, POOLS } from './allocations.ts';

/** What Services are given addresses and ports from. */
export interface ServiceRanges {
  readonly serviceCIDR: string;
  readonly addresses: IpRange;
  readonly nodePorts: { readonly min: number; readonly max: number };
  readonly random: Random;
}

/** What one write has taken. */
class Taking {
  readonly taken: { readonly pool: string; readonly value: string }[] = [];
  readonly #context: StrategyContext;
  readonly #owner: AllocationOwner;

  constructor(context: StrategyContext, owner: AllocationOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  isTaken(pool: string, value: string): boolean {
    return (
      this.#context.allocations.holder(pool, value) !== undefined ||
      this.taken.some((t) => t.pool === pool && t.value === value)
    );
  }

  /** Takes a value; false when somebody has it. */
  async take(pool: string, value: string): Promise<boolean> {
    if (this.isTaken(pool, value)) return false;
    if (!this.#context.dryRun && !(await this.#context.allocations.claim(pool, value, this.#owner))) return false;
    this.taken.push({ pool, value });
    return true;
  }

  async revert(): Promise<void> {
    if (this.#context.dryRun) return;
    for (const { pool, value } of this.taken) await this.#context.allocations.release(pool, value, this.#owner.uid);
  }
}

/** Values a Service holds. */
export function heldBy(spec: ServiceSpec): { readonly pool: string; readonly value: string }[] {
  const address = spec.clusterIP;
  const ports = new Set((spec.ports ?? []).map((p) => p.nodePort).concat(spec.healthCheckNodePort));
  return [
    ...(address && !isHeadless(spec) && spec.type !== 'ExternalName'
      ? [{ pool: POOLS.clusterIP, value: address }]
      : []),
    ...[...ports].filter((p) => p).map((p) => ({ pool: POOLS.nodePort, value: String(p) })),
  ];
}

/** The owner under which a Service's values are held. */
export function ownerOf(service: Service): AllocationOwner {
  const { namespace = '', name, uid = '' } = service.metadata;
  return { kind: 'Service', namespace, name, uid };
}

/** Gives a Service what it lacks, and checks what it asks for. Fails with Invalid, or an internal error when a range is full. */
export async function allocateService(
  service: Service,
  old: Service | undefined,
  context: StrategyContext,
  ranges: ServiceRanges,
): Promise<Allocated<Service>> {
  const taking = new Taking(context, ownerOf(service));
  const before = old ? heldBy(old.spec) : [];
  const kept = new Set(before.map((h) => `${h.pool}/${h.value}`));
  try {
    let spec = await allocateAddress(service, kept, taking, ranges);
    spec = await allocateNodePorts({ ...service, spec }, kept, taking, ranges);
    spec = await allocateHealthCheck({ ...service, spec }, kept, taking, ranges);
    const after = new Set(heldBy(spec).map((h) => `${h.pool}/${h.value}`));
    const dropped = before.filter((h) => !after.has(`${h.pool}/${h.value}`));
    return {
      object: { ...service, spec },
      async commit() {
        for (const { pool, value } of dropped) await context.allocations.release(pool, value, service.metadata.uid);
      },
      revert: () => taking.revert(),
    };
  } catch (error) {
    await taking.revert();
    throw error;
  }
}

/** Gives back all a removed Service held. */
export async function releaseService(service: Service, context: StrategyContext): Promise<void> {
  for (const { pool, value } of heldBy(service.spec))
    await context.allocations.release(pool, value, service.metadata.uid);
}

const refuse = (service: Service, error: FieldError): Error =>
  invalid({ group: '', kind: 'Service' }, service.metadata.name, [error]);

async function allocateAddress(
  service: Service,
  kept: ReadonlySet<string>,
  taking: Taking,
  { addresses, serviceCIDR, random }: ServiceRanges,
): Promise<ServiceSpec> {
  const { spec } = service;
  if (spec.type === 'ExternalName' || isHeadless(spec)) return spec;
  if (!wantsClusterIP(spec)) {
    const text = spec.clusterIP ?? '';
    if (kept.has(`${POOLS.clusterIP}/${text}`)) return spec;
    const ip = parseIp(text);
    const failed = (why: string): Error =>
      refuse(
        service,
        invalidField('spec.clusterIPs', spec.clusterIPs ?? [text], `failed to allocate IP ${text}: ${why}`),
      );
    if (!ip || !inRange(addresses, ip) || ip.value === addresses.first || ip.value === addresses.last)
      throw failed(`the provided IP (${text}) is not in the valid range. The range of valid IPs is ${serviceCIDR}`);
    if (!(await taking.take(POOLS.clusterIP, text))) throw failed('provided IP is already allocated');
    return spec;
  }
  const bands = clusterIpBands(Number(addresses.last - addresses.first) + 1);
  const text = (offset: number): string =>
    formatIp({ family: addresses.family, value: addresses.first + BigInt(offset) });
  for (;;) {
    const offset = pickFree(bands, random, (o) => taking.isTaken(POOLS.clusterIP, text(o)));
    if (offset === undefined) throw internalError('failed to allocate a serviceIP: range is full');
    const ip = text(offset);
    if (await taking.take(POOLS.clusterIP, ip)) return { ...spec, clusterIP: ip, clusterIPs: [ip] };
  }
}

function usesNodePorts(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

async function allocateNodePorts(
  service: Service,
  kept: ReadonlySet<string>,
  taking: Taking,
  ranges: ServiceRanges,
): Promise<ServiceSpec> {
  const { spec } = service;
  if (!usesNodePorts(spec) || !spec.ports) return spec;
  const given = new Set<number>();
  for (const [i, port] of spec.ports.entries()) {
    if (!port.nodePort || given.has(port.nodePort)) continue;
    given.add(port.nodePort);
    if (!kept.has(`${POOLS.nodePort}/${port.nodePort}`))
      await takeNodePort(service, `spec.ports[${i}].nodePort`, port.nodePort, taking, ranges);
  }
  if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false) return spec;
  // One port number with several protocols gets one node port, as upstream does.
  const byNumber = new Map<number, number>();
  const ports: ServicePort[] = [];
  for (const port of spec.ports) {
    if (port.nodePort) {
      byNumber.set(port.port, port.nodePort);
      ports.push(port);
      continue;
    }
    const nodePort = byNumber.get(port.port) ?? (await freeNodePort(taking, ranges));
    byNumber.set(port.port, nodePort);
    ports.push({ ...port, nodePort });
  }
  return { ...spec, ports };
}

async function takeNodePort(
  service: Service,
  path: string,
  port: number,
  taking: Taking,
  { nodePorts }: ServiceRanges,
): Promise<void> {
  if (port < nodePorts.min || port > nodePorts.max)
    throw refuse(
      service,
      invalidField(
        path,
        port,
        `provided port is not in the valid range. The range of valid ports is ${nodePorts.min}-${nodePorts.max}`,
      ),
    );
  if (!(await taking.take(POOLS.nodePort, String(port))))
    throw refuse(service, invalidField(path, port, 'provided port is already allocated'));
}

async function freeNodePort(taking: Taking, { nodePorts, random }: ServiceRanges): Promise<number> {
  const bands = nodePortBands(nodePorts.min, nodePorts.max);
  for (;;) {
    const port = pickFree(bands, random, (p) => taking.isTaken(POOLS.nodePort, String(p)));
    if (port === undefined) throw internalError('failed to allocate a nodePort: range is full');
    if (await taking.take(POOLS.nodePort, String(port))) return port;
  }
}

async function allocateHealthCheck(
  service: Service,
  kept: ReadonlySet<string>,
  taking: Taking,
  ranges: ServiceRanges,
): Promise<ServiceSpec> {
  const { spec } = service;
  if (!needsHealthCheck(spec)) return spec;
  if (!spec.healthCheckNodePort) return { ...spec, healthCheckNodePort: await freeNodePort(taking, ranges) };
  const port = spec.healthCheckNodePort;
  if (kept.has(`${POOLS.nodePort}/${port}`)) return spec;
  if (port < ranges.nodePorts.min || port > ranges.nodePorts.max || !(await taking.take(POOLS.nodePort, String(port))))
    throw internalError(
      `failed to allocate requested HealthCheck NodePort ${port}: provided port is already allocated`,
    );
  return spec;
}
