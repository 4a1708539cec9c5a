/** Delay in user space, as a program: `node relay.js OPTIONS`, see {@link RelayOptions}. Ends with stdin. */
import { setPriority } from 'node:os';
import { systemClock, wakeOnTime } from '@svclab/runtime';
import type { RelayOptions } from './options.ts';
import { Relay } from './relay.ts';

// A frame that is due should not wait behind the lab's other processes.
if (!wakeOnTime()) {
  try {
    setPriority(-15);
  } catch {
    // Not allowed without root.
  }
}
new Relay(JSON.parse(process.argv[2] ?? '{}') as RelayOptions, systemClock).run();
