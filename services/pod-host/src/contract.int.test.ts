import { describePodHostContract } from '@svclab/testkit';
import { client, usePodHost } from './testing/harness.ts';

usePodHost();

describePodHostContract('pod-host', () => client);
