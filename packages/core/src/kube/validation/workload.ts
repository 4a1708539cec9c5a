/** Rules of the apps group. Source of rules and texts: kubernetes `pkg/apis/apps/validation/validation.go`. */
import type { Deployment, ReplicaSet } from '../../api/apps.ts';
import type { PodTemplateSpec } from '../../api/core.ts';
import type { IntOrString, LabelSelector } from '../../api/meta.ts';
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../errors/field-error.ts';
import { selectorMatches } from '../selector/label-selector.ts';
import { immutableField, notNegative, validateSelector } from './meta.ts';
import { validatePodTemplate } from './pod.ts';

function validateSelectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const empty =
    selector !== undefined &&
    Object.keys(selector.matchLabels ?? {}).length === 0 &&
    (selector.matchExpressions ?? []).length === 0;
  if (!selector) errors.push(requiredField('spec.selector'));
  else {
    errors.push(...validateSelector(selector, 'spec.selector'));
    if (empty) errors.push(invalidField('spec.selector', selector, `empty selector is invalid for ${kind}`));
  }
  if (selector && !empty && template && !selectorMatches(selector, template.metadata?.labels))
    errors.push(
      invalidField(
        'spec.template.metadata.labels',
        template.metadata?.labels ?? {},
        '`selector` does not match template `labels`',
      ),
    );
  errors.push(...validatePodTemplate(template, 'spec.template'));
  return errors;
}

/** Checks a Deployment whose defaults are filled in. */
export function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors = [
    ...notNegative(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec.selector, spec.template, 'deployment'),
    ...validateStrategy(spec.strategy),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...notNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'),
  ];
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0))
    errors.push(
      invalidField(
        'spec.progressDeadlineSeconds',
        spec.progressDeadlineSeconds,
        'must be greater than minReadySeconds',
      ),
    );
  return errors;
}

function validateStrategy(strategy: Deployment['spec']['strategy']): FieldError[] {
  const type = strategy?.type;
  if (type === 'Recreate')
    return strategy?.rollingUpdate
      ? [forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  if (type !== 'RollingUpdate') return [unsupportedField('spec.strategy.type', type, ['Recreate', 'RollingUpdate'])];
  const path = 'spec.strategy.rollingUpdate';
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${path}.maxSurge`),
  ];
  const isZero = (v: IntOrString | undefined): boolean => v === 0 || v === '0%';
  if (isZero(maxSurge) && isZero(maxUnavailable))
    errors.push(invalidField(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100)
    errors.push(invalidField(`${path}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'));
  return errors;
}

function validateIntOrPercent(value: IntOrString | undefined, path: string): FieldError[] {
  if (typeof value === 'number') return notNegative(value, path);
  if (value === undefined || /^[0-9]+%$/.test(value)) return [];
  return [
    invalidField(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

/** What an update of a Deployment may not change. */
export function validateDeploymentUpdate(next: Deployment, old: Deployment): FieldError[] {
  return immutableField(next.spec.selector, old.spec.selector, 'spec.selector');
}

/** Checks a ReplicaSet whose defaults are filled in. */
export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  return [
    ...notNegative(spec.replicas, 'spec.replicas'),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelectorAndTemplate(spec.selector, spec.template, 'ReplicaSet'),
  ];
}

/** What an update of a ReplicaSet may not change. */
export function validateReplicaSetUpdate(next: ReplicaSet, old: ReplicaSet): FieldError[] {
  return immutableField(next.spec.selector, old.spec.selector, 'spec.selector');
}
