import { fakeClock } from '@svclab/testkit';
import { describe, expect, it } from 'vitest';
import type { Bus, BusState } from './bus.ts';
import { decodeTimelineEvent, Timeline } from './timeline.ts';

function bench() {
  const clock = fakeClock();
  const sent: string[] = [];
  let tell: (state: BusState) => void = () => {};
  const bus: Pick<Bus, 'publish' | 'onState'> = {
    publish: (_, payload) => void sent.push(decodeTimelineEvent(payload).attrs.n ?? ''),
    onState: (listener) => {
      tell = listener;
      return () => {};
    },
  };
  const timeline = new Timeline({ bus, clock, node: 'node-1', component: 'l2-announcer' });
  const stamp = (n: string) => timeline.stamp('member.dead', { attrs: { n } });
  return { clock, sent, stamp, tell: (state: BusState) => tell(state) };
}

describe('Timeline', () => {
  it('sends again what was stamped while the bus was away, and a little before', () => {
    const { clock, sent, stamp, tell } = bench();
    tell('restored');
    stamp('old');
    clock.advance(5000);
    stamp('unnoticed');
    clock.advance(1500);
    tell('lost');
    stamp('missed');
    clock.advance(10_000);
    expect(sent).toEqual(['old', 'unnoticed', 'missed']);
    tell('restored');
    clock.advance(3000);
    expect(sent.slice(3)).toEqual(['unnoticed', 'missed', 'unnoticed', 'missed', 'unnoticed', 'missed']);
    clock.advance(60_000);
    expect(sent).toHaveLength(9);
  });
  it('sends nothing again after the first connection', () => {
    const { clock, sent, stamp, tell } = bench();
    stamp('first');
    tell('restored');
    clock.advance(10_000);
    expect(sent).toEqual(['first']);
  });
});
