/** Columns of Services and their endpoints. Source: kubernetes `pkg/printers/internalversion/printers.go`. */
import type { Endpoints, Service } from '../../api/core.ts';
import type { EndpointSlice } from '../../api/discovery.ts';
import { ageOf } from './duration.ts';
import { formatMap } from './selector-text.ts';
import { column, type TableCells } from './table.ts';

/** Columns of `kubectl get services`. */
export const SERVICE_COLUMNS = [
  column('Name', 'Name of the service, unique within its namespace', { format: 'name' }),
  column('Type', 'How the service is exposed'),
  column('Cluster-IP', 'Address of the service inside the cluster'),
  column('External-IP', 'Addresses of the service outside the cluster'),
  column('Port(s)', 'Ports of the service, with their node ports'),
  column('Age', 'Time since the service was made'),
  column('Selector', 'Labels of the pods behind the service', { wide: true }),
];

function externalAddress(service: Service): string {
  const { spec, status } = service;
  const own = (spec.externalIPs ?? []).join(',');
  switch (spec.type) {
    case 'LoadBalancer': {
      const balancer = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').join(',');
      if (own !== '') return balancer === '' ? own : `${balancer},${own}`;
      return balancer === '' ? '<pending>' : balancer;
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return own === '' ? '<none>' : own;
  }
}

/** Cells of one Service. */
export function serviceCells(service: Service, nowMs: number): TableCells {
  const { spec, metadata } = service;
  const ports = (spec.ports ?? []).map((p) =>
    p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`,
  );
  return [
    metadata.name,
    spec.type ?? 'ClusterIP',
    spec.clusterIPs?.[0] || '<none>',
    externalAddress(service),
    ports.length === 0 ? '<none>' : ports.join(','),
    ageOf(metadata.creationTimestamp, nowMs),
    formatMap(spec.selector),
  ];
}

/** Columns of `kubectl get endpoints`. */
export const ENDPOINTS_COLUMNS = [
  column('Name', 'Name of the service they belong to', { format: 'name' }),
  column('Endpoints', 'Addresses and ports, the first three'),
  column('Age', 'Time since the endpoints were made'),
];

/** Cells of one Endpoints object. */
export function endpointsCells(endpoints: Endpoints, nowMs: number): TableCells {
  const list = (endpoints.subsets ?? []).flatMap((subset) => {
    const addresses = subset.addresses ?? [];
    if ((subset.ports ?? []).length === 0) return addresses.map((a) => a.ip);
    return (subset.ports ?? []).flatMap((port) =>
      addresses.map((a) => (a.ip.includes(':') ? `[${a.ip}]:${port.port}` : `${a.ip}:${port.port}`)),
    );
  });
  return [endpoints.metadata.name, more(list, 3, '<none>'), ageOf(endpoints.metadata.creationTimestamp, nowMs)];
}

/** The first `max` of a list, and how many there are beyond. */
function more(list: readonly string[], max: number, none: string): string {
  if (list.length === 0) return none;
  return list.length <= max ? list.join(',') : `${list.slice(0, max).join(',')} + ${list.length - max} more...`;
}

/** Columns of `kubectl get endpointslices`. */
export const SLICE_COLUMNS = [
  column('Name', 'Name of the slice', { format: 'name' }),
  column('AddressType', 'Type of the addresses in the slice'),
  column('Ports', 'Ports of the endpoints'),
  column('Endpoints', 'Addresses of the endpoints, the first three'),
  column('Age', 'Time since the slice was made'),
];

/** Cells of one EndpointSlice. */
export function sliceCells(slice: EndpointSlice, nowMs: number): TableCells {
  const ports = (slice.ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port)));
  return [
    slice.metadata.name,
    slice.addressType,
    more(ports, 3, '<unset>'),
    more(
      (slice.endpoints ?? []).flatMap((e) => e.addresses),
      3,
      '<unset>',
    ),
    ageOf(slice.metadata.creationTimestamp, nowMs),
  ];
}
