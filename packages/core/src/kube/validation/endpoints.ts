/** Rules of Endpoints and EndpointSlices. Source: kubernetes `pkg/apis/discovery/validation`, `pkg/apis/core/validation`. */
import type { EndpointAddress, Endpoints } from '../../api/core.ts';
import type { EndpointSlice } from '../../api/discovery.ts';
import {
  duplicateField,
  type FieldError,
  invalidField,
  requiredField,
  tooManyField,
  unsupportedField,
} from '../errors/field-error.ts';
import { parseIp } from '../net/ip.ts';
import { immutableField } from './meta.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortNumber } from './names.ts';
import { checkNonSpecialIp } from './service.ts';

/** Limits of a slice. */
const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 100;
const MAX_ADDRESSES = 100;
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** Checks an EndpointSlice. */
export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const endpoints = slice.endpoints ?? [];
  const ports = slice.ports ?? [];
  return [
    ...(!slice.addressType
      ? [requiredField('addressType')]
      : ADDRESS_TYPES.includes(slice.addressType)
        ? []
        : [unsupportedField('addressType', slice.addressType, ADDRESS_TYPES)]),
    ...(endpoints.length > MAX_ENDPOINTS ? [tooManyField('endpoints', endpoints.length, MAX_ENDPOINTS)] : []),
    ...endpoints
      .slice(0, MAX_ENDPOINTS)
      .flatMap((endpoint, i) => validateSliceEndpoint(slice, endpoint, `endpoints[${i}]`)),
    ...(ports.length > MAX_PORTS ? [tooManyField('ports', ports.length, MAX_PORTS)] : []),
    ...validateSlicePorts(ports),
  ];
}

function validateSliceEndpoint(
  slice: EndpointSlice,
  endpoint: EndpointSlice['endpoints'][number],
  at: string,
): FieldError[] {
  const addresses = endpoint.addresses ?? [];
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(requiredField(`${at}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > MAX_ADDRESSES) errors.push(tooManyField(`${at}.addresses`, addresses.length, MAX_ADDRESSES));
  for (const [i, address] of addresses.entries())
    for (const text of checkAddress(slice.addressType, address))
      errors.push(invalidField(`${at}.addresses[${i}]`, address, text));
  if (endpoint.hostname)
    for (const text of checkDns1123Label(endpoint.hostname))
      errors.push(invalidField(`${at}.hostname`, endpoint.hostname, text));
  if (endpoint.nodeName)
    for (const text of checkDns1123Subdomain(endpoint.nodeName))
      errors.push(invalidField(`${at}.nodeName`, endpoint.nodeName, text));
  return errors;
}

function checkAddress(type: string, address: string): string[] {
  if (type === 'FQDN') return checkDns1123Subdomain(address);
  const ip = parseIp(address);
  if (!ip || ip.family !== type) return [`must be a valid ${type} address`];
  return checkNonSpecialIp(address);
}

function validateSlicePorts(ports: NonNullable<EndpointSlice['ports']>): FieldError[] {
  const names = new Set<string>();
  return ports.slice(0, MAX_PORTS).flatMap((port, i) => {
    const at = `ports[${i}]`;
    const errors: FieldError[] = [];
    const name = port.name ?? '';
    if (name !== '') for (const text of checkDns1123Label(name)) errors.push(invalidField(`${at}.name`, name, text));
    if (names.has(name)) errors.push(duplicateField(`${at}.name`, name));
    names.add(name);
    if (port.protocol && !PROTOCOLS.includes(port.protocol))
      errors.push(unsupportedField(`${at}.protocol`, port.protocol, PROTOCOLS));
    if (port.port !== undefined)
      for (const text of checkPortNumber(port.port)) errors.push(invalidField(`${at}.port`, port.port, text));
    return errors;
  });
}

/** What an update of a slice may not change. */
export function validateEndpointSliceUpdate(next: EndpointSlice, old: EndpointSlice): FieldError[] {
  return immutableField(next.addressType, old.addressType, 'addressType');
}

/** Checks core v1 Endpoints. */
export function validateEndpoints(endpoints: Endpoints): FieldError[] {
  return (endpoints.subsets ?? []).flatMap((subset, i) => {
    const at = `subsets[${i}]`;
    const ready = subset.addresses ?? [];
    const notReady = subset.notReadyAddresses ?? [];
    const ports = subset.ports ?? [];
    return [
      ...(ready.length + notReady.length === 0
        ? [requiredField(at, 'must specify `addresses` or `notReadyAddresses`')]
        : []),
      ...ready.flatMap((a, j) => validateAddress(a, `${at}.addresses[${j}]`)),
      ...notReady.flatMap((a, j) => validateAddress(a, `${at}.notReadyAddresses[${j}]`)),
      ...ports.flatMap((port, j) => {
        const path = `${at}.ports[${j}]`;
        return [
          ...(ports.length > 1 && !port.name ? [requiredField(`${path}.name`)] : []),
          ...(port.name ? checkDns1123Label(port.name).map((t) => invalidField(`${path}.name`, port.name, t)) : []),
          ...checkPortNumber(port.port).map((t) => invalidField(`${path}.port`, port.port, t)),
          ...(port.protocol && !PROTOCOLS.includes(port.protocol)
            ? [unsupportedField(`${path}.protocol`, port.protocol, PROTOCOLS)]
            : []),
        ];
      }),
    ];
  });
}

function validateAddress(address: EndpointAddress, at: string): FieldError[] {
  return [
    ...checkNonSpecialIp(address.ip ?? '').map((text) => invalidField(`${at}.ip`, address.ip ?? '', text)),
    ...(address.hostname
      ? checkDns1123Label(address.hostname).map((t) => invalidField(`${at}.hostname`, address.hostname, t))
      : []),
  ];
}
