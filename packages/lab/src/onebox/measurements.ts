/** Measurements that run while somebody does something to the lab: begun, then ended, by two requests. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@svclab/core';
import type { LabConnection } from '../client/connect.ts';
import { readTimeline } from '../scenario/experiment.ts';
import { type RunningProbe, startProbe } from '../scenario/probe-run.ts';
import { badInput } from '../state/errors.ts';
import { type MeasurementInput, type MeasurementReport, measurementReport } from './measurement-report.ts';

/** What to ask, and how often. */
export interface MeasurementRequest {
  /** As the client host reaches it. */
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** When a measurement is over. */
export interface MeasurementEnd {
  /** It goes on until nothing was lost for this long, ms. */
  readonly quietMs: number;
  /** It ends by then in any case, ms. */
  readonly limitMs: number;
}

/** No measurement runs longer, ms: whoever began it may have gone. */
const LONGEST_MS = 30 * 60_000;

interface Measurement {
  readonly request: MeasurementRequest;
  readonly probe: RunningProbe;
  readonly dir: string;
  readonly vip: MeasurementInput['vip'];
  readonly sinceNs: bigint;
  markNs: bigint;
  /** Lost so far, and since when no more, CLOCK_MONOTONIC ns. */
  lost: number;
  quietSinceNs: bigint;
}

export class Measurements {
  readonly #lab: LabConnection;
  readonly #clock: Clock;
  readonly #running = new Map<string, Measurement>();

  constructor(lab: LabConnection, clock: Clock) {
    this.#lab = lab;
    this.#clock = clock;
  }

  /** Starts probing; resolves with its name when the prober has told of its first second. What is lost later counts. */
  async begin(request: MeasurementRequest): Promise<string> {
    const id = randomUUID();
    const dir = mkdtempSync(join(tmpdir(), 'svclab-measure-'));
    const vip = await this.#vipOf(request.url);
    let first = (): void => {};
    const told = new Promise<void>((resolve) => {
      first = resolve;
    });
    const sinceNs = this.#clock.nowNs();
    const probe = startProbe(this.#lab, {
      ...request,
      durationMs: LONGEST_MS,
      samples: join(dir, 'samples.jsonl'),
      onLine: (line) => {
        const counts = /lost (\d+) new, (\d+) reused/.exec(line);
        if (!counts) return;
        const lost = Number(counts[1]) + Number(counts[2]);
        if (lost > measurement.lost) measurement.quietSinceNs = this.#clock.nowNs();
        measurement.lost = lost;
        first();
      },
    });
    const measurement: Measurement = {
      ...{ request, probe, dir, vip, sinceNs },
      markNs: sinceNs,
      lost: 0,
      quietSinceNs: sinceNs,
    };
    try {
      await Promise.race([told, probe.done]);
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
    measurement.markNs = this.#clock.nowNs();
    measurement.quietSinceNs = measurement.markNs;
    this.#running.set(id, measurement);
    return id;
  }

  /** Waits until the lab is quiet, stops probing and computes the report. Fails with a LabError when there is no such measurement. */
  async end(id: string, { quietMs, limitMs }: MeasurementEnd): Promise<MeasurementReport> {
    const measurement = this.#take(id);
    const { probe, dir, vip, sinceNs, markNs } = measurement;
    try {
      const endedNs = this.#clock.nowNs();
      // Losses are told a request's time-out late.
      measurement.quietSinceNs = endedNs;
      const limitNs = endedNs + ns(limitMs);
      while (
        this.#clock.nowNs() < limitNs &&
        this.#clock.nowNs() < measurement.quietSinceNs + ns(quietMs + measurement.request.timeoutMs)
      )
        await this.#pause(20);
      probe.interrupt();
      const outcome = await probe.done;
      const events = await readTimeline(this.#lab, sinceNs);
      const endNs = outcome.run.startNs + ns(outcome.report.duration_ms);
      return measurementReport({ ...outcome, vip, events, markNs, endNs });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  /** Gives a measurement up: what was done failed. */
  async abandon(id: string): Promise<void> {
    const { probe, dir } = this.#take(id);
    probe.interrupt();
    await probe.done.catch(() => {});
    rmSync(dir, { recursive: true, force: true });
  }

  #take(id: string): Measurement {
    const found = this.#running.get(id);
    if (!found) throw badInput(`Measurement "${id}" does not run: it has ended, or never began`);
    this.#running.delete(id);
    return found;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }

  /** The announced address a URL asks for. */
  async #vipOf(url: string): Promise<MeasurementInput['vip']> {
    if (!URL.canParse(url)) throw badInput(`Address "${url}" is no URL: give one such as http://172.30.0.200/`);
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const { vips } = await this.#lab.service.vips({});
    const found = vips.find((v) => v.vip === host);
    return found && { vip: found.vip, url, owner: found.owner };
  }
}

const ns = (ms: number): bigint => BigInt(Math.round(ms * 1e6));
