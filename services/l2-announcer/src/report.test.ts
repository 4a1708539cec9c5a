import { type KubeEvent, SUBJECTS, type Verdict } from '@svclab/core';
import { createLogger } from '@svclab/runtime';
import { fakeClock } from '@svclab/testkit';
import { AnnouncerReport, ReportReply } from '@svclab/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import { Reporter } from './report.ts';

const log = createLogger({ component: 'test', host: 'test', level: 'silent' });
const verdict = (service: string): Verdict => ({
  vip: '172.30.0.200',
  namespace: 'default',
  service,
  owner: 'node-1',
  reason: 'won-election',
  order: ['node-1'],
  interfaces: [],
});

function world() {
  const clock = fakeClock();
  const asked: { subject: string; report: AnnouncerReport }[] = [];
  let announced: Verdict[] = [];
  const controller = { away: false, hold: undefined as Promise<void> | undefined };
  const reporter = new Reporter({
    node: 'node-1',
    clock,
    log,
    announced: () => announced,
    bus: {
      async request(subject, payload) {
        asked.push({ subject, report: AnnouncerReport.decode(payload) });
        await controller.hold;
        if (controller.away) throw new Error('no responders');
        return ReportReply.encode(ReportReply.fromPartial({})).finish();
      },
    },
  });
  return {
    clock,
    controller,
    reporter,
    set: (...names: string[]) => {
      announced = names.map(verdict);
    },
    /** `announced services | reasons of events` of each report since the last call. */
    reports: () =>
      asked.splice(0).map(({ subject, report }) => {
        expect(subject).toBe(SUBJECTS.announcerReport('node-1'));
        const events = report.eventsJson.map((e) => JSON.parse(Buffer.from(e).toString()) as KubeEvent);
        return `${report.announced.map((a) => a.service).join()}|${events.map((e) => `${e.reason} ${e.involvedObject?.name}`).join()}`;
      }),
  };
}

let w: ReturnType<typeof world>;
beforeEach(() => {
  w = world();
});

describe('Reporter', () => {
  it('reports a change at once with its events, and the level again and again', async () => {
    w.set('web');
    w.reporter.changed([verdict('web')]);
    await w.clock.advanceAsync(0);
    expect(w.reports()).toEqual(['web|nodeAssigned web']);
    await w.clock.advanceAsync(20_000);
    expect(w.reports()).toEqual(['web|', 'web|']);
    w.set();
    w.reporter.changed([]);
    await w.clock.advanceAsync(0);
    expect(w.reports()).toEqual(['|']);
  });

  it('warns of what it owns and cannot announce', async () => {
    w.reporter.changed([verdict('web')], [{ ...verdict('dns'), interfaces: ['eth7'] }]);
    await w.clock.advanceAsync(0);
    expect(w.reports()).toEqual(['|nodeAssigned web,announceFailed dns']);
  });

  it('tells a controller that has never heard of it, without any change', async () => {
    await w.clock.advanceAsync(10_000);
    expect(w.reports()).toEqual(['|']);
  });

  it('keeps events until they have been taken', async () => {
    w.controller.away = true;
    w.set('web');
    w.reporter.changed([verdict('web')]);
    await w.clock.advanceAsync(1000);
    expect(w.reports()).toEqual(Array(3).fill('web|nodeAssigned web'));
    w.controller.away = false;
    await w.clock.advanceAsync(500);
    expect(w.reports()).toEqual(['web|nodeAssigned web']);
    await w.clock.advanceAsync(10_000);
    expect(w.reports()).toEqual(['web|']);
  });

  it('sends one report at a time; changes meanwhile follow in one', async () => {
    let answer = (): void => {};
    w.controller.hold = new Promise((resolve) => {
      answer = resolve;
    });
    w.set('a');
    w.reporter.changed([verdict('a')]);
    w.set('a', 'b');
    w.reporter.changed([verdict('b')]);
    w.set('a', 'b', 'c');
    w.reporter.changed([verdict('c')]);
    expect(w.reports()).toEqual(['a|nodeAssigned a']);
    answer();
    await w.clock.advanceAsync(0);
    expect(w.reports()).toEqual(['a,b,c|nodeAssigned b,nodeAssigned c']);
  });

  it('drops the oldest events when too many wait', async () => {
    w.controller.away = true;
    for (let i = 0; i < 150; i++) w.reporter.changed([verdict(`s${i}`)]);
    await w.clock.advanceAsync(0);
    w.reports();
    await w.clock.advanceAsync(500);
    const events = w.reports()[0]?.split('|')[1]?.split(',') ?? [];
    expect([events.length, events[0], events.at(-1)]).toEqual([100, 'nodeAssigned s50', 'nodeAssigned s149']);
  });

  it('says nothing after it was closed', async () => {
    w.reporter.close();
    w.reporter.changed([verdict('web')]);
    await w.clock.advanceAsync(20_000);
    expect(w.reports()).toEqual([]);
    expect(w.clock.pending).toBe(0);
  });
});
