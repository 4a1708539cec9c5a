import { invalid, unsupportedField } from '@svclab/core';
import type { WriteOptions } from '../registry/registry.ts';
import type { Exchange } from './exchange.ts';

/** `dryRun`, `fieldManager` and who asks. Fails with 422 for a dryRun other than All. */
export function writeOptions(exchange: Exchange): WriteOptions {
  const dryRun = exchange.query.getAll('dryRun').filter((v) => v !== '');
  const wrong = dryRun.find((v) => v !== 'All');
  if (wrong !== undefined)
    throw invalid({ group: 'meta.k8s.io', kind: 'CreateOptions' }, '', [unsupportedField('dryRun', wrong, ['All'])]);
  const agent = exchange.header('user-agent') ?? 'unknown';
  return {
    dryRun: dryRun.length > 0,
    fieldManager: exchange.query.get('fieldManager') || (agent.split('/')[0] ?? 'unknown'),
    actor: agent,
  };
}
