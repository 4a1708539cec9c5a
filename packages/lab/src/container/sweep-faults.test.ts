import type { HostSpec } from '@svclab/core';
import type { Logger } from '@svclab/runtime';
import { fakeClock } from '@svclab/testkit';
import { expect, it } from 'vitest';
import type { FaultContext } from '../faults/definition.ts';
import { sweepFaults } from './sweep-faults.ts';

it('sweeps hosts that answer, each kind once, and goes on where one fails or is down', async () => {
  const clock = fakeClock();
  const swept: string[] = [];
  const logged: string[] = [];
  const note = (line: { event: string; target?: string }): void =>
    void logged.push(`${line.event} ${line.target ?? ''}`.trim());
  const log = { info: note, warn: note } as unknown as Logger;
  const context = {} as FaultContext;
  const broken = async (host: string): Promise<void> => {
    swept.push(`broken ${host}`);
    throw new Error('no');
  };
  const dns = async (host: string): Promise<void> => void swept.push(`dns ${host}`);
  const done = sweepFaults({
    clock,
    log,
    context,
    hosts: [{ name: 'dns-1' }, { name: 'late' }, { name: 'off' }] as HostSpec[],
    faults: [{ sweep: broken }, { sweep: dns }, {}, { sweep: dns }],
    answers: (host) => host === 'dns-1' || (host === 'late' && clock.now() > 200),
  });
  await clock.advanceAsync(5000);
  await done;
  expect(swept.sort()).toEqual(['broken dns-1', 'broken late', 'dns dns-1', 'dns late']);
  expect(logged).toEqual(['host-not-swept dns-1', 'host-not-swept late', 'host-not-swept off', 'faults-swept']);
});
