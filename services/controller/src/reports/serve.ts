import { type KubeEvent, RESOURCES, SUBJECTS } from '@svclab/core';
import type { Bus, Logger } from '@svclab/runtime';
import { AnnouncerReport, NodeReport, ReportReply } from '@svclab/wire';
import type { Heartbeats } from '../reconcilers/heartbeats.ts';
import { parseJson, type ReportContext, takeNodeReport } from './node-report.ts';
import { withServiceUid } from './object-uid.ts';
import { VipOwners } from './vip-owners.ts';

/** What serving reports needs. */
export interface ReportDeps extends ReportContext {
  readonly bus: Pick<Bus, 'serve'>;
  readonly log: Logger;
  /** Told that a node lives. */
  readonly heartbeats: Pick<Heartbeats, 'node'>;
  /** Whether this process may answer; always, when left out. Else the one that may does. */
  readonly leads?: () => boolean;
}

/** The served reports. */
export interface ServedReports {
  readonly owners: VipOwners;
  stop(): void;
}

/** Answers the reports of node-agents and announcers. A report that could not be taken is answered with the error: its sender repeats it. */
export function serveReports(deps: ReportDeps): ServedReports {
  const owners = new VipOwners();
  const { leads = () => true } = deps;
  const answer = async (subject: string, take: () => Promise<void>): Promise<Uint8Array | undefined> => {
    if (!leads()) return undefined;
    let error = '';
    try {
      await take();
    } catch (err) {
      error = (err as Error).message || String(err);
      deps.log.warn({ event: 'report-failed', subject, err });
    }
    return leads() ? ReportReply.encode({ error }).finish() : undefined;
  };
  const ends = [
    deps.registry.cache.subscribe(({ type, key }) => {
      if (type === 'DELETED' && key.group === '' && key.resource === RESOURCES.nodes.resource) owners.forget(key.name);
    }),
    deps.bus.serve(SUBJECTS.all.report, (payload, subject) =>
      answer(subject, async () => {
        const report = NodeReport.decode(payload);
        deps.heartbeats.node(report.node);
        await takeNodeReport(deps, report);
      }),
    ),
    deps.bus.serve(SUBJECTS.all.announcerReport, (payload, subject) =>
      answer(subject, async () => {
        const report = AnnouncerReport.decode(payload);
        owners.take(report);
        for (const bytes of report.eventsJson)
          deps.recorder.take(withServiceUid(deps.registry, parseJson<KubeEvent>(bytes)), report.node);
      }),
    ),
  ];
  return {
    owners,
    stop() {
      for (const end of ends) end();
    },
  };
}
