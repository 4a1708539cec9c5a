import { fakeClock } from './fake-clock.ts';
import { FakePodHost } from './fake-pod-host.ts';
import { describePodHostContract } from './pod-host-contract.ts';

describePodHostContract('fake', () => new FakePodHost(fakeClock()));
