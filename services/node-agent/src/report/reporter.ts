/** Tells the controller what this node has to say until the watched objects show it. */
import {
  type Cancel,
  type Clock,
  covers,
  type KubeEvent,
  type Node,
  type Pod,
  type PodStatus,
  SUBJECTS,
} from '@svclab/core';
import type { Bus, Logger } from '@svclab/runtime';
import { NodeReport, ReportReply } from '@svclab/wire';

/** What there is to say about one pod. */
export interface PodReport {
  readonly pod: Pod;
  readonly status: PodStatus;
  readonly finished: boolean;
}

/** What a {@link Reporter} needs. */
export interface ReporterOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'request'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The Node as it should be, and as it is stored. */
  readonly nodeWanted: () => { readonly wanted: Node; readonly stored: Node | undefined };
  readonly pods: () => readonly PodReport[];
}

/** Reports that come within this time travel together, ms. */
const GATHER_MS = 2;
/** What has been taken and is not seen yet is said again after this, ms. */
const REPEAT_MS = 1000;
const REQUEST_TIMEOUT_MS = 2000;
const RETRY_MS = 250;
/** Events kept while the controller is away. */
const EVENTS_LIMIT = 1000;

/** Sends NodeReports. Level-triggered: losing one, or sending it twice, changes nothing. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #sent = new Map<string, { readonly json: string; readonly atMs: number }>();
  #events: KubeEvent[] = [];
  #timer: Cancel | undefined;
  #dueMs = 0;
  #sending = false;
  #again = false;
  #stopped = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Something may have changed. */
  kick(): void {
    if (this.#sending) this.#again = true;
    else this.#schedule(GATHER_MS);
  }

  /** An event to be recorded. */
  event(event: KubeEvent): void {
    this.#events = [...this.#events.filter((e) => e.metadata.name !== event.metadata.name), event].slice(-EVENTS_LIMIT);
    this.kick();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  /** The next run is in `ms`, or sooner if it was to be sooner. */
  #schedule(ms: number): void {
    const dueMs = this.#options.clock.now() + ms;
    if (this.#stopped || (this.#timer && this.#dueMs <= dueMs)) return;
    this.#timer?.();
    this.#dueMs = dueMs;
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#sending = true;
    this.#again = false;
    const { report, waiting, taken } = this.#build();
    let ok = true;
    if (report) {
      const events = this.#events;
      ok = await this.#send(report);
      if (ok) {
        for (const [key, json] of taken) this.#sent.set(key, { json, atMs: this.#options.clock.now() });
        this.#events = this.#events.filter((e) => !events.includes(e));
      }
    }
    this.#sending = false;
    if (!ok) this.#schedule(RETRY_MS);
    else if (this.#again) this.#schedule(GATHER_MS);
    else if (report || waiting) this.#schedule(REPEAT_MS);
  }

  /** Drops what was sent about pods that are gone. */
  #forget(present: ReadonlySet<string>): void {
    for (const key of this.#sent.keys()) if (!present.has(key)) this.#sent.delete(key);
  }

  async #send(report: NodeReport): Promise<boolean> {
    const { bus, node, log } = this.#options;
    try {
      const payload = NodeReport.encode(report).finish();
      const reply = ReportReply.decode(await bus.request(SUBJECTS.report(node), payload, REQUEST_TIMEOUT_MS));
      if (reply.error === '') return true;
      log.warn({ event: 'report-refused', reason: reply.error });
    } catch (err) {
      log.debug({ event: 'report-not-sent', err });
    }
    return false;
  }

  /** The report to send now, if any; `waiting`: something has been sent and is not seen yet. */
  #build(): { report: NodeReport | undefined; waiting: boolean; taken: Map<string, string> } {
    const taken = new Map<string, string>();
    let waiting = false;
    const due = (key: string, json: string): boolean => {
      waiting = true;
      const sent = this.#sent.get(key);
      if (sent && sent.json === json && this.#options.clock.now() - sent.atMs < REPEAT_MS) return false;
      taken.set(key, json);
      return true;
    };
    const { wanted, stored } = this.#options.nodeWanted();
    const nodeJson = JSON.stringify(wanted);
    const sendNode = !covers(stored, wanted) && due('node', nodeJson);
    const pods: NodeReport['pods'] = [];
    const reports = this.#options.pods();
    this.#forget(new Set(['node', ...reports.map(({ pod }) => pod.metadata.uid ?? '')]));
    for (const { pod, status, finished } of reports) {
      const { uid = '', name, namespace = '' } = pod.metadata;
      if (!finished && covers(pod.status, status)) {
        this.#sent.delete(uid);
        continue;
      }
      const json = JSON.stringify(status);
      if (due(uid, finished ? `${json} finished` : json))
        pods.push({ namespace, name, uid, statusJson: Buffer.from(json), finished });
    }
    const eventsJson = this.#events.map((e) => Buffer.from(JSON.stringify(e)));
    if (!sendNode && pods.length === 0 && eventsJson.length === 0) return { report: undefined, waiting, taken };
    const report = {
      node: this.#options.node,
      nodeJson: sendNode ? Buffer.from(nodeJson) : Buffer.alloc(0),
      pods,
      eventsJson,
    };
    return { report, waiting, taken };
  }
}
