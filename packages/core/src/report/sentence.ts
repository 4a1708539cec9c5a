/** The outage in words: what a person reads last. */
import type { Phases } from './failover.ts';

/** What the sentence needs. Milliseconds. */
export interface SentenceInput {
  readonly darkMs: number;
  readonly lost: { readonly new: number; readonly reused: number };
  readonly phases: Phases;
  /** Per surviving node, fault to rules without the dead node's endpoints. */
  readonly endpointsRemovedMs: Readonly<Record<string, number>>;
  /** Share of new connections lost between the VIP's return and the last of those rules, 0 to 1; undefined when unknown. */
  readonly lostShareUntilRemoved?: number;
  /** Whether the fault took a node's pods away; without it nothing is said of dead endpoints. Default: yes. */
  readonly endpointsDied?: boolean;
}

/** Milliseconds as people say them: `132 ms`, `5.8 s`, `2 min 5 s`. */
export function speakMs(ms: number): string {
  if (ms < 1000) return `${ms < 10 && ms !== 0 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  if (ms < 59_950) return `${(Math.round(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const PHASE_WORDS: Readonly<Record<keyof Phases, string>> = {
  detection: 'failure detection',
  election: 'election',
  announcement: 'announcement',
  first_success: 'the wait for the first answered request',
};

/** What makes each phase shorter. Detection is the one with a knob; the others are the machine's speed. */
const CURES: Readonly<Partial<Record<keyof Phases, string>>> = {
  detection: 'so lower membership.probeInterval',
};

/** One sentence: how long, what it cost, what most of it was, and what the dead node's endpoints cost afterwards. */
export function outageSentence(input: SentenceInput): string {
  const removed = Object.values(input.endpointsRemovedMs);
  const tail =
    input.endpointsDied === false
      ? 'no endpoint died with it'
      : removed.length > 0
        ? `the dead node's endpoints left every node's rules after ${speakMs(Math.max(...removed))}${lostShare(input)}`
        : "the dead node's endpoints had not left the rules when the measurement ended";
  if (input.darkMs === 0)
    return `The VIP was not dark: no request was lost on new connections, ${input.lost.reused} on reused ones; ${tail}.`;
  const names = Object.keys(PHASE_WORDS) as (keyof Phases)[];
  const main = names.reduce((a, b) => (input.phases[b] > input.phases[a] ? b : a));
  const cure = CURES[main] ? `, ${CURES[main]}` : '';
  return (
    `The VIP was dark for ${speakMs(input.darkMs)}; ${input.lost.new} requests lost on new connections, ${input.lost.reused} on reused ones; ` +
    `${speakMs(input.phases[main])} of it was ${PHASE_WORDS[main]}${cure}; ${tail}.`
  );
}

function lostShare(input: SentenceInput): string {
  const share = input.lostShareUntilRemoved;
  return share === undefined || share === 0
    ? ''
    : ` and cost ${Math.round(share * 100)} % of new connections until then`;
}
