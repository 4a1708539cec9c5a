import { describe, expect, it } from 'vitest';
import { type HostEvent, HostView } from './host-view.ts';

/** What is sent: a beat of a boot, the stream's end, silence. */
type Step =
  | { readonly beat: string; readonly stopping?: boolean; readonly lan?: boolean }
  | 'ended'
  | 'silent, answers'
  | 'silent, unreachable';

/** Plays steps 1 s apart and returns what was told, as text. */
function play(steps: readonly Step[], hasLan = true): string[] {
  const view = new HostView(50);
  const text = ({ type, fault, network, atNs, errorMs }: HostEvent): string =>
    `${type} ${fault}${network === '' ? '' : ` ${network}`} at ${atNs / 1_000_000_000n}${errorMs === 0 ? '' : ` +-${errorMs}`}`;
  return steps.flatMap((step, i) => {
    const atNs = BigInt(i + 1) * 1_000_000_000n;
    if (step === 'ended') return view.ended(atNs).map(text);
    if (step === 'silent, answers') return view.silence('answers').map(text);
    if (step === 'silent, unreachable') return view.silence('unreachable').map(text);
    const { beat, stopping = false, lan = true } = step;
    return view.beat({ atNs, bootId: beat, stopping, lan }, hasLan).map(text);
  });
}

describe('HostView', () => {
  it.each<[string, Step[], string[]]>([
    ['docker kill, docker start', [{ beat: 'a' }, 'ended', { beat: 'b' }], ['effective kill at 2', 'healed kill at 3']],
    [
      'docker stop, docker start',
      [{ beat: 'a' }, { beat: 'a', stopping: true }, 'ended', { beat: 'b' }],
      ['effective stop at 2 +-50', 'healed stop at 4'],
    ],
    [
      'docker pause, docker unpause',
      [{ beat: 'a' }, 'silent, answers', 'ended', { beat: 'a' }],
      ['effective pause at 1 +-50', 'healed pause at 4'],
    ],
    [
      'docker network disconnect, connect: control',
      [{ beat: 'a' }, 'silent, unreachable', { beat: 'a' }],
      ['effective disconnect control at 1 +-50', 'healed disconnect control at 3'],
    ],
    [
      'docker network disconnect, connect: lan',
      [{ beat: 'a' }, { beat: 'a', lan: false }, { beat: 'a', lan: false }, { beat: 'a' }],
      ['effective disconnect lan at 2 +-50', 'healed disconnect lan at 4 +-50'],
    ],
    [
      'a kill nobody saw, since the watcher was away',
      [{ beat: 'a' }, { beat: 'b' }],
      ['effective kill at 1 +-50', 'healed kill at 2'],
    ],
    [
      'a pause that ends in a kill',
      [{ beat: 'a' }, 'silent, answers', { beat: 'b' }],
      ['effective pause at 1 +-50', 'healed pause at 1', 'effective kill at 1 +-50', 'healed kill at 3'],
    ],
    [
      'a broken stream of a host that lives on',
      [{ beat: 'a' }, 'ended', { beat: 'a' }],
      ['effective kill at 2', 'healed kill at 3'],
    ],
    ['a host that was never seen', ['ended', 'silent, answers', { beat: 'a' }], []],
    ['silence after the end', [{ beat: 'a' }, 'ended', 'silent, unreachable'], ['effective kill at 2']],
    ['being told twice', [{ beat: 'a' }, 'silent, answers', 'silent, unreachable'], ['effective pause at 1 +-50']],
  ])('%s', (_, steps, told) => {
    expect(play(steps)).toEqual(told);
  });

  it('expects no LAN of a host that has none', () => {
    expect(
      play(
        [
          { beat: 'a', lan: false },
          { beat: 'a', lan: false },
        ],
        false,
      ),
    ).toEqual([]);
  });
});
