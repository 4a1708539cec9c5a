import { describe, expect, it } from 'vitest';
import { composeProblem, engineProblem, explain, explainUp } from './docker-cli.ts';
import { commandsFor } from './docker-faults.ts';

describe('engineProblem', () => {
  it.each([
    ['26.1.5+dfsg1', undefined],
    ['25.0.0', undefined],
    ['24.0.7', /24\.0\.7 is too old: .* need 25 or later/],
    ['dev', /tells no version that is understood \("dev"\)/],
  ])('%s', (version, says) => {
    const problem = engineProblem(version);
    if (says === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(says);
  });
});

describe('composeProblem', () => {
  it.each([
    [0, '2.26.1-4\n', undefined],
    [0, 'v2.20.0', undefined],
    [0, '5.5.0', undefined],
    [0, '2.19.1', /2\.19\.1 is too old/],
    [1, '', /Compose v2 is missing/],
    [null, '', /Compose v2 is missing/],
  ])('exit %s, "%s"', (status, version, says) => {
    const problem = composeProblem(status, version);
    if (says === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(says);
  });
});

describe('explain', () => {
  it.each([
    ['', 'it said nothing'],
    ['Error response from daemon: No such container: x\n', 'No such container: x'],
    [' Container svclab-node-1-1  Starting\nError response from daemon: driver failed\n', 'driver failed'],
    ['why\n Container svclab-node-1-1  Created\n', 'why'],
  ])('%j', (stderr, said) => {
    expect(explain(stderr)).toBe(said);
  });
});

describe('explainUp', () => {
  const settings = { apiPort: 6443, lan: '172.30.0', control: '172.30.1', image: 'svclab:1' };
  it.each([
    [
      'invalid pool request: Pool overlaps with other one on this address space',
      /172\.30\.0\.0\/24.*--lan and --control/,
    ],
    ['failed to allocate gateway (172.30.0.1): Address already in use', /172\.30\.0\.0\/24.*--lan and --control/],
    ['conflicts with network x (br-y): networks have overlapping IPv4', /172\.30\.0\.0\/24.*--lan and --control/],
    ['Bind for 127.0.0.1:6443 failed: port is already allocated', /Port 6443 of 127\.0\.0\.1 is taken: .*--api-port/],
    ['listen tcp4 127.0.0.1:6443: bind: address already in use', /Port 6443 of 127\.0\.0\.1 is taken/],
    ['pull access denied for svclab, repository does not exist', /Image svclab:1 cannot be had: build it/],
    ['dependency failed to start: container x exited (2)', /could not bring the lab up: dependency failed/],
  ])('%s', (stderr, says) => {
    expect(explainUp(stderr, settings)).toMatch(says);
  });
});

describe('commandsFor', () => {
  it.each([
    ['kill', 'running', [['kill', 'c']]],
    ['stop', 'running', [['stop', 'c']]],
    ['pause', 'running', [['pause', 'c']]],
    ['resume', 'paused', [['unpause', 'c']]],
    [
      'restart',
      'running',
      [
        ['kill', 'c'],
        ['start', 'c'],
      ],
    ],
    ['restart', 'exited', [['start', 'c']]],
    [
      'restart',
      'paused',
      [
        ['unpause', 'c'],
        ['kill', 'c'],
        ['start', 'c'],
      ],
    ],
  ])('%s of one that is %s', (verb, state, commands) => {
    expect(commandsFor(verb, { name: 'c', state })).toEqual(commands);
  });

  it.each([
    ['kill', 'exited', /Container c is exited: bring it back with "svclab fault restart"/],
    ['resume', 'running', /Container c is running: only a paused one is resumed/],
    ['maim', 'running', /Fault "maim" is not known for a container/],
  ])('refuses %s of one that is %s', (verb, state, says) => {
    expect(() => commandsFor(verb, { name: 'c', state })).toThrow(says);
  });
});
