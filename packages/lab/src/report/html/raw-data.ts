/** The raw data of a run, read back from the files its report names. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ProbeRun, TimelineEvent, TimelineType } from '@svclab/core';
import { readSamples } from '../../scenario/probe-run.ts';
import type { RunResult } from '../model.ts';

/** What was measured in one run. */
export interface RawRun {
  readonly samples: ProbeRun;
  readonly events: readonly TimelineEvent[];
}

interface EventLine extends Omit<TimelineEvent, 'atNs' | 'wallMs' | 'type'> {
  readonly at_ns: string;
  readonly time: string;
  readonly type: string;
}

/** Reads `samples.jsonl` and `timeline.jsonl` of a run; a file that is missing, or a line that was cut short, counts as empty. */
export function readRawRun(dir: string, run: RunResult): RawRun {
  const text = (name: string): string => {
    const path = run.files.find((f) => basename(f) === name);
    try {
      return path === undefined ? '' : readFileSync(join(dir, path), 'utf8');
    } catch {
      return '';
    }
  };
  return {
    samples: readSamples(wholeLines(text('samples.jsonl')), run.prober),
    events: wholeLines(text('timeline.jsonl'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { at_ns, time, type, ...rest } = JSON.parse(line) as EventLine;
        return { ...rest, type: type as TimelineType, atNs: BigInt(at_ns), wallMs: Date.parse(time) };
      }),
  };
}

/** Without a last line that an interrupted writer left unfinished. */
function wholeLines(text: string): string {
  return text.endsWith('\n') ? text : text.slice(0, text.lastIndexOf('\n') + 1);
}
