import { expect, it } from 'vitest';
import { mechanismOf } from './mechanism.ts';

it.each([
  [0, '', 'netem', /has the netem/],
  [1, 'Error: Specified qdisc kind is unknown.', 'user-space', /no netem/],
  [2, 'Error: x\nnetlink: Operation not supported', 'none', /neither netem nor .*: netlink: Operation not supported$/],
  [
    9,
    'RTNETLINK answers: Operation not permitted',
    'none',
    /could not be tried: RTNETLINK answers: Operation not permitted$/,
  ],
  [null, '', 'none', /could not be tried$/],
])('exit %s means %s %s', (status, said, kind, reason) => {
  const mechanism = mechanismOf(status, said);
  expect(mechanism.kind).toBe(kind);
  expect(mechanism.reason).toMatch(reason);
});
