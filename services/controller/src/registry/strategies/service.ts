import {
  carryAllocated,
  checkDns1035Label,
  defaultService,
  type Service,
  validateService,
  validateServiceUpdate,
} from '@svclab/core';
import { allocateService, releaseService, type ServiceRanges } from '../allocators/service-allocator.ts';
import type { Strategy } from '../strategy.ts';
import { typed } from './typed.ts';

/** Services: defaults, rules, and addresses and ports from the ranges of the lab. */
export function serviceStrategy(ranges: ServiceRanges): Strategy {
  return typed<Service>({
    checkName: checkDns1035Label,
    defaults: defaultService,
    prepareForUpdate: (next, old) => defaultService(carryAllocated(next, old)),
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    allocate: (service, old, context) => allocateService(service, old, context, ranges),
    release: (service, context) => releaseService(service, context),
  });
}
