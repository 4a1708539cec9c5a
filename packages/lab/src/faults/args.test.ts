import { describe, expect, it } from 'vitest';
import { argsOf, formatArgs, parseArgs } from './args.ts';
import type { FaultArg, FaultDefinition } from './definition.ts';

function definition(args: readonly FaultArg[], more: Partial<FaultDefinition> = {}): FaultDefinition {
  return {
    verb: 'loss',
    summary: '',
    targets: ['node'],
    args,
    plan: () => [],
    apply: async () => ({ atNs: 0n }),
    ...more,
  };
}

const ALL = definition([
  { name: 'percent', kind: 'percent', required: true, summary: '' },
  { name: 'delay', kind: 'duration', summary: '', min: 0, max: 10_000 },
  { name: 'rate', kind: 'rate', summary: '', min: 1000 },
  { name: 'times', kind: 'count', summary: '', min: 1, max: 9 },
  { name: 'answer', kind: 'text', summary: '' },
  { name: 'direction', kind: 'choice', choices: ['to', 'from', 'both'], default: 'both', summary: '' },
  { name: 'hold', kind: 'flag', summary: '' },
]);

describe('parseArgs', () => {
  it.each([
    [{ percent: '30' }, { percent: 30, direction: 'both' }],
    [
      { percent: '0.5%', direction: 'to' },
      { percent: 0.5, direction: 'to' },
    ],
    [
      { percent: '100', delay: '50ms', duration: '1.5s' },
      { percent: 100, direction: 'both', delay: 50, duration: 1500 },
    ],
    [
      { percent: '0', rate: '1mbit' },
      { percent: 0, direction: 'both', rate: 1e6 },
    ],
    [
      { percent: '0', rate: '1.5Gbit', times: '9' },
      { percent: 0, direction: 'both', rate: 1.5e9, times: 9 },
    ],
    [
      { percent: '1', hold: 'true', answer: 'x y' },
      { percent: 1, direction: 'both', hold: true, answer: 'x y' },
    ],
    [
      { percent: '1', hold: 'false', delay: '' },
      { percent: 1, direction: 'both', hold: false },
    ],
  ])('%j', (given, args) => {
    expect(parseArgs(ALL, given)).toEqual(args);
  });

  it.each([
    [{}, /Fault loss needs argument "percent": give a percentage from 0 to 100/],
    [{ percent: '101' }, /Argument percent of fault loss is "101": give a percentage from 0 to 100/],
    [{ percent: '30 %x' }, /Argument percent of fault loss is "30 %x"/],
    [{ percent: '-1' }, /Argument percent of fault loss is "-1"/],
    [
      { percent: '1', delay: '50' },
      /Argument delay of fault loss is "50": give a duration with its unit, such as 50ms/,
    ],
    [{ percent: '1', delay: '1mbit' }, /Argument delay of fault loss is "1mbit": give a duration/],
    [{ percent: '1', delay: '11s' }, /is "11s": give a duration.*, from 0 ms to 10000 ms/],
    [{ percent: '1', duration: '0s' }, /Argument duration of fault loss is "0s": .*1 ms at least/],
    [
      { percent: '1', rate: '1000000' },
      /Argument rate of fault loss is "1000000": give a rate in bits per second with its unit, such as 1mbit/,
    ],
    [{ percent: '1', rate: '1mb' }, /"1mb": give a rate/],
    [{ percent: '1', rate: '10bit' }, /"10bit": give a rate.*, 1000 bit\/s at least/],
    [{ percent: '1', rate: '0mbit' }, /"0mbit": give a rate/],
    [{ percent: '1', times: '10' }, /Argument times of fault loss is "10": give a whole number from 1 to 9/],
    [{ percent: '1', times: '1.5' }, /"1.5": give a whole number/],
    [{ percent: '1', direction: 'up' }, /Argument direction of fault loss is "up": give one of to, from, both/],
    [{ percent: '1', hold: 'yes' }, /Argument hold of fault loss is "yes": give true or false/],
    [{ percent: '1', speed: '3' }, /Fault loss has no argument "speed": it takes percent, delay, .*, hold, duration/],
  ])('refuses %j', (given, message) => {
    expect(() => parseArgs(ALL, given)).toThrow(message);
  });

  it('gives a duration to faults that last, and to no others', () => {
    expect(argsOf(definition([])).map((a) => a.name)).toEqual(['duration']);
    expect(argsOf(definition([], { heals: true }))).toEqual([]);
    expect(argsOf(definition([], { instant: true }))).toEqual([]);
    expect(() => parseArgs(definition([], { heals: true }), { duration: '1s' })).toThrow(
      'Fault loss has no argument "duration": it takes none',
    );
  });

  it('asks the definition whether arguments go together', () => {
    const picky = definition([], { check: (args) => (args.duration === undefined ? 'Give a duration' : undefined) });
    expect(() => parseArgs(picky, {})).toThrow('Give a duration');
    expect(parseArgs(picky, { duration: '1s' })).toEqual({ duration: 1000 });
  });
});

it('formats arguments as one line', () => {
  expect(formatArgs({ percent: '30', direction: 'to' })).toBe('percent=30 direction=to');
  expect(formatArgs({})).toBe('');
});
