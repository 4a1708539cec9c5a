/**
 * Subjects of core NATS. Payloads are protobuf messages of `proto/svclab/v1/bus.proto`.
 * `N` is a host name encoded as one token.
 */
import { encodeSegment } from '../store/key.ts';

/** Name of the one KV bucket. Its stream is `KV_svclab`, its subjects `$KV.svclab.>`. */
export const BUCKET = 'svclab';

/** Subjects by use; functions take host names. `all.*` are the wildcards for subscribers. */
export const SUBJECTS = {
  /** node-agent -> all, `NodeHeartbeat`, each `node.heartbeatInterval`; the last of them before silence dates a node's death. */
  heartbeat: (node: string) => `svclab.heartbeat.${encodeSegment(node)}`,
  /** node-agent -> all, `Programmed`, whenever the kernel holds a newer revision. */
  programmed: (node: string) => `svclab.programmed.${encodeSegment(node)}`,
  /** any -> all, `TimelineEvent`. */
  timeline: (node: string, component: string) => `svclab.timeline.${encodeSegment(node)}.${encodeSegment(component)}`,
  /** node-agent -> controller, request `NodeReport`, reply `ReportReply`: node registration and status, pod statuses, events. */
  report: (node: string) => `svclab.report.${encodeSegment(node)}`,
  /** l2-announcer -> controller, request `AnnouncerReport`, reply `ReportReply`: events on Services, VIP ownership. */
  announcerReport: (node: string) => `svclab.announcer-report.${encodeSegment(node)}`,
  /** dns -> controller, `DnsHeartbeat`, each `dns.heartbeatInterval`: makes it an endpoint of kube-dns. */
  dnsHeartbeat: (host: string) => `svclab.dns.${encodeSegment(host)}`,
  all: {
    heartbeat: 'svclab.heartbeat.*',
    programmed: 'svclab.programmed.*',
    timeline: 'svclab.timeline.*.*',
    report: 'svclab.report.*',
    announcerReport: 'svclab.announcer-report.*',
    dnsHeartbeat: 'svclab.dns.*',
  },
} as const;
