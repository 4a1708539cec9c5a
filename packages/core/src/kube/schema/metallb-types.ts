/** Field trees of the custom resources served, in the form of the generated ones. Source: metallb/metallb `api/v1beta1`. */
export const METALLB_TYPES = {
  'metallb.v1beta1.IPAddressPool': {
    apiVersion: 'string',
    kind: 'string',
    metadata: 'meta.v1.ObjectMeta',
    'spec!': 'metallb.v1beta1.IPAddressPoolSpec',
    status: 'metallb.v1beta1.IPAddressPoolStatus',
  },
  'metallb.v1beta1.IPAddressPoolSpec': {
    'addresses!': '[]string',
    autoAssign: 'bool',
    avoidBuggyIPs: 'bool',
    serviceAllocation: 'metallb.v1beta1.ServiceAllocation',
  },
  'metallb.v1beta1.ServiceAllocation': {
    priority: 'int64',
    namespaces: '[]string',
    namespaceSelectors: '[]meta.v1.LabelSelector',
    serviceSelectors: '[]meta.v1.LabelSelector',
  },
  'metallb.v1beta1.IPAddressPoolStatus': {
    assignedIPv4: 'int64',
    assignedIPv6: 'int64',
    availableIPv4: 'int64',
    availableIPv6: 'int64',
  },
  'metallb.v1beta1.L2Advertisement': {
    apiVersion: 'string',
    kind: 'string',
    metadata: 'meta.v1.ObjectMeta',
    spec: 'metallb.v1beta1.L2AdvertisementSpec',
    status: 'metallb.v1beta1.L2AdvertisementStatus',
  },
  'metallb.v1beta1.L2AdvertisementSpec': {
    ipAddressPools: '[]string',
    ipAddressPoolSelectors: '[]meta.v1.LabelSelector',
    nodeSelectors: '[]meta.v1.LabelSelector',
    interfaces: '[]string',
    serviceSelectors: '[]meta.v1.LabelSelector',
  },
  'metallb.v1beta1.L2AdvertisementStatus': {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;
