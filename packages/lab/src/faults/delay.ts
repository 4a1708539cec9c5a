import { delay as delayPlace, planDelay } from '../wire/delay.ts';
import { flagArg, numberArg, textArg } from './args.ts';
import type { FaultArgs, FaultContext, FaultDefinition } from './definition.ts';
import { LINK_ARGS, LINK_TARGETS, placeOf } from './links.ts';
import type { ResolvedTarget } from './target.ts';

/** A long link. */
export const delay: FaultDefinition = {
  verb: 'delay',
  summary: 'hold each frame of a host or a link for some time, each way',
  notes: `Both ways means that a round trip takes twice the delay. With \`--jitter\` each frame's delay is drawn evenly from delay - jitter to delay + jitter.

Where the kernel has netem it holds the frames, on the interface that sends; frames whose draws differ may overtake each other, and those that wait are lost when the fault is healed. Elsewhere a process of the lab holds them (\`svclab doctor\` says which): nftables turns frames aside just before they leave by a bridge port (\`fwd\` in the egress hook), and the process sends them by the same port when they are due. Large segments pass whole. Frames keep their order unless \`--reorder\` is given, and none is lost when the fault begins or is healed. docs/results.md has the error of the delay and what it carries.

Several delays of the same frames add up; loss comes before delay, delay before rate. In Docker only netem delays, and only what nodes and clients send.`,
  examples: [
    'delay node/node-1 --delay 50ms',
    'delay link/node-1-client-1 --delay 20ms --jitter 5ms --direction to',
    'delay controller/1 --delay 100ms --network control --duration 30s',
  ],
  targets: LINK_TARGETS,
  args: [
    { name: 'delay', kind: 'duration', required: true, min: 0, max: 60_000, summary: 'time each frame takes longer' },
    { name: 'jitter', kind: 'duration', default: '0ms', min: 0, max: 60_000, summary: 'by how much more or less' },
    { name: 'reorder', kind: 'flag', summary: 'let frames overtake each other as their delays are drawn' },
    { name: 'seed', kind: 'text', default: '1', summary: 'of the draws, where a process of the lab holds the frames' },
    ...LINK_ARGS,
  ],
  check(args) {
    const [ms = 0, jitter = 0] = [numberArg(args, 'delay'), numberArg(args, 'jitter')];
    return jitter > ms
      ? `Jitter of ${jitter} ms is more than the delay of ${ms} ms: no frame arrives before it is sent`
      : undefined;
  },
  plan: (target, args, context) => planDelay(wish(target, args, context), context),
  apply: (target, args, context) => delayPlace(wish(target, args, context), context),
};

function wish(target: ResolvedTarget, args: FaultArgs, context: FaultContext) {
  return {
    ...placeOf(target, args, context),
    delayMs: numberArg(args, 'delay') ?? 0,
    jitterMs: numberArg(args, 'jitter') ?? 0,
    reorder: flagArg(args, 'reorder'),
    seed: Math.floor(context.random(textArg(args, 'seed') ?? '1').next() * 2 ** 31),
  };
}
