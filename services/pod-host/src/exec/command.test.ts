import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PATH,
  enterPod,
  execEnvironment,
  findProgram,
  shellQuote,
  withEnvironment,
  withTerminal,
} from './command.ts';

describe('findProgram()', () => {
  it.for([
    ['sh', DEFAULT_PATH, true],
    ['/bin/sh', '', true],
    ['no-such-program', DEFAULT_PATH, false],
    ['/etc', DEFAULT_PATH, false],
    ['/proc/version', DEFAULT_PATH, false],
  ] as const)('looks for %s in "%s"', ([command, path, found]) => {
    expect(findProgram(command, path) !== undefined).toBe(found);
  });
});

describe('shellQuote()', () => {
  it.for(['plain', "it's", '$HOME `x` "y"', 'a\nb', '', '*', "''"])('survives a shell: %j', (argument) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(argument)}`]).toString()).toBe(argument);
  });
});

describe('command lines', () => {
  it('pass the program on as arguments, never through a shell text', () => {
    expect(enterPod('/run/x', 'web-1', ['echo', '$(id)']).slice(-5)).toEqual([
      'sh',
      '/run/x',
      'web-1',
      'echo',
      '$(id)',
    ]);
    expect(withTerminal(['echo', '$(id)'])).toContain("'echo' '$(id)'");
  });

  it('keep environment names that are no shell names', () => {
    const [file = '', ...args] = withEnvironment({ 'database.host': 'a b' }, ['env']);
    expect(execFileSync(file, args).toString()).toBe('database.host=a b\n');
  });

  it('give a program the environment of its container and none of ours', () => {
    expect(execEnvironment({ A: '1', PATH: '/x' }, 'web-1', false)).toEqual({
      A: '1',
      PATH: '/x',
      HOME: '/root',
      HOSTNAME: 'web-1',
    });
  });
});
