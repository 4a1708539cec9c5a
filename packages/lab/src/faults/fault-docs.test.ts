import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { argsOf, parseArgs } from './args.ts';
import { faultDocs } from './fault-docs.ts';
import { FAULTS } from './index.ts';

const all = Object.values(FAULTS);

it('docs/faults.md is up to date (npm run gen)', () => {
  const committed = readFileSync(fileURLToPath(new URL('../../../../docs/faults.md', import.meta.url)), 'utf8');
  expect(committed).toBe(faultDocs(all));
});

describe.each(all.map((f) => [f.verb, f] as const))('%s', (verb, fault) => {
  it('says what it does in one sentence', () => {
    expect(fault.summary).toMatch(/^[^A-Z].*[^.]$|^[A-Z]{3}/);
    expect(fault.targets).not.toEqual([]);
  });

  it('takes its own defaults, and has each argument once', () => {
    const args = argsOf(fault);
    expect(new Set(args.map((a) => a.name)).size).toBe(args.length);
    for (const { default: fallback, ...arg } of args)
      if (fallback !== undefined) {
        const alone = { ...fault, args: [arg], heals: true, check: () => undefined };
        expect(parseArgs(alone, { [arg.name]: fallback })).toHaveProperty(arg.name);
      }
  });

  it('has examples of itself', () => {
    for (const example of fault.examples ?? []) expect(example.split(' ')[0]).toBe(verb);
  });
});
