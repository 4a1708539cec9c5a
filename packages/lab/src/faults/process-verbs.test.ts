import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '@svclab/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { ManagedProcess } from '../supervisor/managed-process.ts';
import { actOnProcesses, type ProcessVerb } from './process-verbs.ts';

let started: ChildProcess[] = [];
let process: ManagedProcess;
afterEach(async () => {
  await process.stop(0);
  started = [];
});

/** A process of host dns-1 that runs `script`, and the faults that act on it. */
function lab(script: string) {
  process = new ManagedProcess(
    {
      component: 'dns',
      host: 'dns-1',
      command: 'sh',
      args: ['-c', script],
      env: {},
      readyFile: undefined,
      logFile: undefined,
    },
    {
      spawn: (command, args, options) => {
        const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'ignore'] });
        started.push(child);
        return child;
      },
    },
    { clock: systemClock, events: { exited: () => {} } },
  );
  return (verb: ProcessVerb, hold = false) =>
    actOnProcesses(verb, [process], { clock: systemClock, hold, name: 'dns/1' });
}

/** Waits until process number `n` has said that it runs. */
async function running(n: number): Promise<void> {
  while (started.length < n) await new Promise((resolve) => setImmediate(resolve));
  const stdout = started[n - 1]?.stdout;
  if (stdout) await once(stdout, 'data');
}

const SERVES = 'echo runs; exec sleep 600';
const DEAF = 'trap "" TERM; echo runs; exec sleep 600';

describe('restart', () => {
  it.each([
    ['runs', SERVES, [], false],
    ['was killed and is held', SERVES, ['kill'], true],
    ['was stopped', SERVES, ['stop'], true],
    ['was stopped and takes its leave still', DEAF, ['stop'], false],
  ] as const)('brings back a process that %s', async (_, script, before, gone) => {
    const fault = lab(script);
    process.start();
    await running(1);
    const [first] = started;
    for (const verb of before) fault(verb, true);
    if (before.length > 0) expect(process.state).toBe('held');
    if (gone && first?.exitCode === null && first.signalCode === null) await once(first, 'exit');
    fault('restart');
    await running(2);
    expect(process.state).toBe('starting');
    expect(process.pid).toBe(started[1]?.pid);
  });
});
