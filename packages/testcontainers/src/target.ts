import { LabService } from './lab-service.ts';

/** A target as `svclab fault` takes it: `node-2` is `node/node-2`, `dns-1` is `dns/1`, a Service stands for the node that owns its address. */
export function faultTarget(target: string | LabService): string {
  if (target instanceof LabService) return `owner/${target.namespace}/${target.name}`;
  if (target.includes('/')) return target;
  if (target.startsWith('node-')) return `node/${target}`;
  return target.replace(/^(dns|controller|nats)-(\d+)$/, '$1/$2');
}
