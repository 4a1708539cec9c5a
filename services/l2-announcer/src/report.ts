/** Tells the controller what this node announces, until it has taken it. */
import { type Clock, type KubeEvent, SUBJECTS, type Verdict } from '@svclab/core';
import type { Bus, Logger } from '@svclab/runtime';
import { AnnouncerReport, ReportReply } from '@svclab/wire';

const REQUEST_MS = 1000;
const RETRY_MS = 500;
/** The report is repeated, so that a controller that has just started knows. */
const REPEAT_MS = 10_000;
/** Events kept while the controller is away; the oldest go first, so that a report always fits a message. */
const EVENTS_LIMIT = 100;

/** Who says it, when, and what makes its name unique. */
interface EventContext {
  readonly node: string;
  readonly now: string;
  readonly id: string;
}

/** The event MetalLB's speaker writes on a Service it begins to announce. */
export function nodeAssigned(verdict: Verdict, context: EventContext): KubeEvent {
  const message = `announcing from node "${context.node}" with protocol "layer2"`;
  return speakerEvent(verdict, context, { type: 'Normal', reason: 'nodeAssigned', message });
}

/** The event of a speaker that owns an address and has none of the interfaces that the advertisements name. */
export function announceFailed(verdict: Verdict, context: EventContext): KubeEvent {
  const wanted = verdict.interfaces.join(', ');
  const message = `cannot announce ${verdict.vip} with protocol "layer2": node "${context.node}" has no interface ${wanted}`;
  return speakerEvent(verdict, context, { type: 'Warning', reason: 'announceFailed', message });
}

function speakerEvent(
  verdict: Verdict,
  { id, node, now }: EventContext,
  what: Pick<KubeEvent, 'type' | 'reason' | 'message'>,
): KubeEvent {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: verdict.namespace, name: `${verdict.service}.${id}` },
    involvedObject: { apiVersion: 'v1', kind: 'Service', namespace: verdict.namespace, name: verdict.service },
    ...what,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: 'metallb-speaker', host: node },
    reportingComponent: 'metallb-speaker',
    reportingInstance: node,
  };
}

export class Reporter {
  readonly #options: {
    node: string;
    bus: Pick<Bus, 'request'>;
    clock: Clock;
    log: Logger;
    announced: () => readonly Verdict[];
  };
  #events: KubeEvent[] = [];
  #busy = false;
  #again = false;
  #stop = (): void => {};
  #closed = false;

  constructor(options: {
    node: string;
    bus: Pick<Bus, 'request'>;
    clock: Clock;
    log: Logger;
    announced: () => readonly Verdict[];
  }) {
    this.#options = options;
    this.#schedule(REPEAT_MS);
  }

  /** Reports now, with events for what has just been gained and for what cannot be announced. */
  changed(gained: readonly Verdict[], failed: readonly Verdict[] = []): void {
    const { clock, node } = this.#options;
    const now = `${new Date(clock.wall()).toISOString().slice(0, 19)}Z`;
    const context = (): EventContext => ({ node, now, id: clock.nowNs().toString(16) });
    for (const v of gained) this.#events.push(nodeAssigned(v, context()));
    for (const v of failed) this.#events.push(announceFailed(v, context()));
    this.#events = this.#events.slice(-EVENTS_LIMIT);
    void this.#send();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #schedule(ms: number): void {
    this.#stop();
    if (!this.#closed) this.#stop = this.#options.clock.after(ms, () => void this.#send());
  }

  async #send(): Promise<void> {
    if (this.#closed) return;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    const { announced, bus, log, node } = this.#options;
    // A copy: what is added while this report is on its way has not been told by it.
    const events = [...this.#events];
    const report = AnnouncerReport.encode({
      node,
      announced: announced().map((v) => ({
        vip: v.vip,
        namespace: v.namespace,
        service: v.service,
        interfaces: [...v.interfaces],
      })),
      eventsJson: events.map((e) => Buffer.from(JSON.stringify(e))),
    }).finish();
    try {
      const reply = ReportReply.decode(await bus.request(SUBJECTS.announcerReport(node), report, REQUEST_MS));
      if (reply.error !== '') log.warn({ event: 'report-refused', reason: reply.error });
      this.#events = this.#events.filter((e) => !events.includes(e));
      this.#schedule(REPEAT_MS);
    } catch {
      // The controller is away; the level is told again.
      this.#schedule(RETRY_MS);
    }
    this.#busy = false;
    if (this.#again) {
      this.#again = false;
      void this.#send();
    }
  }
}
