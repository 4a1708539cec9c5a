import { fakeClock } from '@svclab/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { FaultLedger, type LedgerFault, type LedgerPart } from './ledger.ts';

let clock: ReturnType<typeof fakeClock>;
let ledger: FaultLedger;
/** What happened, in order: `undo TARGET`, `healed ID TARGET: CAUSE`, `failed ID`. */
let story: string[];
/** Targets that cannot be set right, and how often still. */
let stubborn: Map<string, number>;

beforeEach(() => {
  clock = fakeClock();
  story = [];
  stubborn = new Map();
  ledger = new FaultLedger(clock, {
    healed: (fault, part, cause) => story.push(`healed ${fault.id} ${part.target}: ${cause}`),
    failed: (fault) => story.push(`failed ${fault.id}`),
  });
});

function part(target: string): LedgerPart {
  return {
    target,
    async heal() {
      const left = stubborn.get(target) ?? 0;
      if (left > 0) {
        stubborn.set(target, left - 1);
        throw new Error('Not yet');
      }
      story.push(`undo ${target}`);
      return clock.nowNs();
    },
    async again(host) {
      story.push(`again ${target} on ${host}`);
    },
  };
}

/** Makes a fault on some targets and returns its id. */
function add(targets: readonly string[], more: Partial<LedgerFault> & { forMs?: number } = {}): string {
  const { forMs, ...rest } = more;
  const id = ledger.nextId();
  const sinceNs = clock.nowNs();
  const healsAtNs = forMs === undefined ? undefined : sinceNs + BigInt(forMs * 1e6);
  const fault = { id, verb: 'pause', targets, args: {}, cause: '', session: '', sinceNs, healsAtNs, outside: false };
  ledger.add({ ...fault, ...rest }, targets.map(part));
  return id;
}

const ids = (): string[] => ledger.faults.map((f) => f.id);

describe('a duration', () => {
  it('ends a fault, no earlier and alone', async () => {
    add(['a'], { forMs: 500 });
    add(['b']);
    add(['c'], { forMs: 1500 });
    await clock.advanceAsync(499);
    expect(ids()).toEqual(['f1', 'f2', 'f3']);
    await clock.advanceAsync(1);
    expect(story).toEqual(['undo a', 'healed f1 a: its duration is over']);
    await clock.advanceAsync(10_000);
    expect(ids()).toEqual(['f2']);
    expect(clock.pending).toBe(0);
  });

  it('is over at once for a fault that took longer to make', async () => {
    add(['a'], { healsAtNs: clock.nowNs() - 1n });
    await clock.advanceAsync(0);
    expect(ids()).toEqual([]);
  });

  it('is tried again each second until it succeeds', async () => {
    stubborn.set('a', 2);
    add(['a'], { forMs: 100 });
    await clock.advanceAsync(100);
    expect(story).toEqual(['failed f1']);
    expect(ids()).toEqual(['f1']);
    await clock.advanceAsync(1000);
    await clock.advanceAsync(1000);
    expect(story).toEqual(['failed f1', 'failed f1', 'undo a', 'healed f1 a: its duration is over']);
    expect(clock.pending).toBe(0);
  });

  it('has no say any more once the fault was healed', async () => {
    const id = add(['a'], { forMs: 100 });
    await ledger.heal([id], 'asked');
    await clock.advanceAsync(1000);
    expect(story).toEqual(['undo a', 'healed f1 a: asked']);
  });
});

describe('heal', () => {
  it('undoes the latest first, and the targets of each backwards', async () => {
    add(['a', 'b']);
    add(['c']);
    const healed = await ledger.heal(ids(), 'asked');
    expect(story.filter((s) => s.startsWith('undo'))).toEqual(['undo c', 'undo b', 'undo a']);
    expect(healed.map((h) => [h.fault.id, h.fault.targets])).toEqual([
      ['f2', ['c']],
      ['f1', ['a', 'b']],
    ]);
    expect(ids()).toEqual([]);
  });

  it('undoes once what is asked for twice at the same time', async () => {
    const id = add(['a']);
    await Promise.all([ledger.heal([id], 'one'), ledger.heal([id], 'two')]);
    expect(await ledger.heal([id], 'three')).toEqual([]);
    expect(story).toEqual(['undo a', 'healed f1 a: one']);
  });

  it('rejects when one cannot be undone, keeps that one, and undoes the others', async () => {
    add(['a']);
    add(['b', 'c']);
    stubborn.set('b', 1);
    await expect(ledger.heal(ids(), 'asked')).rejects.toThrow('Not yet');
    expect(ledger.faults.map((f) => [f.id, f.targets])).toEqual([['f2', ['b']]]);
    await ledger.heal(ids(), 'asked');
    expect(ids()).toEqual([]);
  });

  it('leaves to others what only Docker can undo', async () => {
    add(['a'], { outside: true, forMs: 100 });
    expect(await ledger.heal(ids(), 'asked')).toEqual([]);
    await clock.advanceAsync(1000);
    expect(ids()).toEqual(['f1']);
  });
});

describe('select', () => {
  it.each([
    [[], ['f1', 'f2', 'f3']],
    [['f2'], ['f2']],
    [['b'], ['f1', 'f3']],
    [
      ['partition', 'f1'],
      ['f1', 'f2'],
    ],
  ])('%j', (which, found) => {
    add(['a', 'b']);
    add(['x | y'], { verb: 'partition' });
    add(['b']);
    expect(ledger.select(which).map((f) => f.id)).toEqual(found);
  });

  it('names what is in effect when nothing fits', () => {
    expect(() => ledger.select(['f7'])).toThrow('No fault "f7" is in effect: none is');
    add(['node/node-1']);
    expect(() => ledger.select(['f7'])).toThrow('No fault "f7" is in effect: these are: f1 (pause node/node-1)');
  });
});

describe('settle', () => {
  it('forgets the targets that something else has set right', async () => {
    add(['a', 'b'], { forMs: 100 });
    add(['b'], { verb: 'loss' });
    expect(ledger.settle(['pause', 'kill'], (t) => t === 'b')).toEqual(['f1']);
    expect(ledger.faults.map((f) => f.targets)).toEqual([['a'], ['b']]);
    expect(ledger.settle(['pause'], (t) => t === 'a')).toEqual(['f1']);
    await clock.advanceAsync(1000);
    expect(story).toEqual([]);
    expect(ids()).toEqual(['f2']);
  });
});

describe('a session', () => {
  it('takes its faults with it, the latest first, and no others', async () => {
    const [one, two] = [ledger.openSession(), ledger.openSession()];
    add(['a'], { session: one });
    add(['b'], { session: two });
    add(['c'], { session: one, forMs: 5000 });
    add(['d']);
    await ledger.endSession(one, 'it broke');
    expect(story.filter((s) => s.startsWith('undo'))).toEqual(['undo c', 'undo a']);
    expect(ids()).toEqual(['f2', 'f4']);
    expect([ledger.isOpen(one), ledger.isOpen(two)]).toEqual([false, true]);
  });

  it('that ended while a fault was made heals that one at once', async () => {
    const session = ledger.openSession();
    await ledger.endSession(session, 'it broke');
    add(['a'], { session });
    await clock.advanceAsync(0);
    expect(story).toEqual(['undo a', 'healed f1 a: its session has ended']);
  });

  it('goes on trying where undoing fails', async () => {
    const session = ledger.openSession();
    stubborn.set('a', 1);
    add(['a'], { session });
    await ledger.endSession(session, 'it broke');
    expect(ids()).toEqual(['f1']);
    await clock.advanceAsync(1000);
    expect(ids()).toEqual([]);
  });
});

it('makes faults again on a host that is back, in the order they were made', async () => {
  add(['a', 'b']);
  add(['c']);
  await ledger.again('node-1');
  expect(story).toEqual(['again a on node-1', 'again b on node-1', 'again c on node-1']);
});

it('gives no id twice', () => {
  expect([ledger.nextId(), ledger.nextId()]).toEqual(['f1', 'f2']);
  for (const earlier of ['f7', 'f3', 'f5,f6', '']) ledger.continueAfter(earlier);
  expect(ledger.nextId()).toBe('f8');
  expect(ledger.openSession()).not.toBe(ledger.openSession());
});
