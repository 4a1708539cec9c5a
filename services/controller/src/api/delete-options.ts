import { badRequest, decode, invalid, unsupportedField } from '@svclab/core';
import type { DeleteOptions } from '../registry/registry.ts';
import { readObject } from './decode-body.ts';
import type { Exchange } from './exchange.ts';
import { writeOptions } from './write-options.ts';

const POLICIES = ['Background', 'Foreground', 'Orphan'];

/** metav1.DeleteOptions from the body and the query; the body wins. Fails with 400, 415 or 422. */
export async function deleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  const body = await readObject(exchange);
  const decoded = decode('meta.v1.DeleteOptions', body?.object ?? {});
  const [wrong] = decoded.problems;
  if (wrong) throw badRequest(wrong.message);
  const given = decoded.value as {
    propagationPolicy?: string;
    orphanDependents?: boolean;
    gracePeriodSeconds?: number;
    preconditions?: { uid?: string; resourceVersion?: string };
    dryRun?: readonly string[];
  };
  const { query } = exchange;
  const orphan = given.orphanDependents ?? flag(query.get('orphanDependents'));
  const policy =
    given.propagationPolicy ??
    query.get('propagationPolicy') ??
    (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background');
  if (policy !== undefined && !POLICIES.includes(policy))
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      unsupportedField('propagationPolicy', policy, [...POLICIES, '']),
    ]);
  const seconds = given.gracePeriodSeconds ?? number(query.get('gracePeriodSeconds'));
  const options = writeOptions(exchange);
  return {
    ...options,
    dryRun: options.dryRun || (given.dryRun ?? []).includes('All'),
    ...(policy === undefined ? {} : { propagationPolicy: policy as 'Background' | 'Foreground' | 'Orphan' }),
    ...(seconds === undefined ? {} : { gracePeriodSeconds: Math.max(0, seconds) }),
    ...(given.preconditions ? { preconditions: given.preconditions } : {}),
  };
}

function flag(text: string | null): boolean | undefined {
  return text === null ? undefined : text === 'true' || text === '1';
}

function number(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) throw badRequest(`gracePeriodSeconds is not a number: ${JSON.stringify(text)}`);
  return Number(text);
}
