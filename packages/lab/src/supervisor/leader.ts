import type { TimelineEvent } from '@svclab/core';
import type { TimelineLog } from './timeline-log.ts';

/** Which controller leads, from what the controllers say on the timeline. */
export class LeaderView {
  #host = '';
  #term = -1;

  constructor(timeline: Pick<TimelineLog, 'subscribe'>) {
    timeline.subscribe((event) => this.take(event));
  }

  /** Host of the leader; empty while none is known to lead: at first, after its death, after it gave up. */
  get host(): string {
    return this.#host;
  }

  /** Takes in an event. What is said of an earlier term than the present one comes too late. */
  take({ type, node, attrs }: TimelineEvent): void {
    const term = Number(attrs.term ?? 0);
    if (type === 'leader.elected' && term >= this.#term) {
      this.#host = node;
      this.#term = term;
    } else if (type === 'leader.lost' && node === this.#host && term >= this.#term) this.#host = '';
    else if (type === 'process.exited' && attrs.process === `controller@${this.#host}`) this.#host = '';
  }
}
