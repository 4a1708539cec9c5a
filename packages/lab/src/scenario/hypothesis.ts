/** The probes of a steady-state hypothesis: questions with a tolerance, asked in one of Litmus's modes. */
import type { LabConnection } from '../client/connect.ts';
import { captureOnHost } from '../client/exec.ts';
import { measuringClock } from '../prober/clock.ts';
import type { ProbeResult } from '../report/model.ts';
import { LabError } from '../state/errors.ts';
import { clientHost } from './client-host.ts';
import { runKubectl, waitUntil } from './perform.ts';
import type { HypothesisProbe, ProbeQuestion } from './scenario-file.ts';
import { toleranceText, tolerated } from './tolerance.ts';

/** Longest wait for one answer, s. */
const ANSWER_S = 5;

/** Asks once; the value is text. */
async function ask(lab: LabConnection, question: ProbeQuestion, signal: AbortSignal): Promise<string> {
  const onClient = async (command: readonly string[]): Promise<string> =>
    (await captureOnHost(lab, { host: clientHost(lab), command: [...command] })).stdout.toString().trimEnd();
  switch (question.kind) {
    case 'http': {
      const code = await onClient([
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-m',
        String(ANSWER_S),
        '-w',
        '%{http_code}',
        question.url,
      ]);
      return String(Number(code) || 0);
    }
    case 'kubectl': {
      const { code, stdout, said } = await runKubectl(lab, question.args, signal);
      return code === 0 ? stdout.trimEnd() : said;
    }
    case 'exec':
      return onClient(['sh', '-c', question.command]);
    case 'dns': {
      const server = lab.config.hosts.find((h) => h.role === 'dns')?.lanIP ?? lab.config.dnsIP;
      const answer = await onClient(['dig', '+short', '+time=1', '+tries=1', `@${server}`, question.name]);
      return answer.split('\n').find((line) => /^[\d.:a-f]+$/.test(line)) ?? '';
    }
  }
}

/** The probes of one run. */
export class Hypothesis {
  readonly #lab: LabConnection;
  readonly #probes: readonly HypothesisProbe[];
  readonly #startMs: number;
  readonly #signal: AbortSignal;
  readonly #results: ProbeResult[] = [];
  readonly #asking: Promise<void>[] = [];
  readonly #end = new AbortController();
  readonly #chaosEnd: AbortController[] = [];

  constructor(lab: LabConnection, probes: readonly HypothesisProbe[], startMs: number, signal: AbortSignal) {
    this.#lab = lab;
    this.#probes = probes;
    this.#startMs = startMs;
    this.#signal = signal;
  }

  get results(): readonly ProbeResult[] {
    return this.#results;
  }

  /** Asks the probes of the start and begins the continuous ones. `onFailure` is called when one that stops the run fails. */
  async start(onFailure: (reason: string) => void): Promise<void> {
    for (const p of this.#of('SoT', 'Edge')) await this.#judge(p, onFailure);
    for (const p of this.#of('Continuous')) this.#repeat(p, this.#end.signal, onFailure);
  }

  /** A fault acts now: the probes of chaos begin. */
  chaosBegins(onFailure: (reason: string) => void): void {
    if (this.#chaosEnd.length > 0) return;
    const end = new AbortController();
    this.#chaosEnd.push(end);
    for (const p of this.#of('OnChaos')) this.#repeat(p, end.signal, onFailure);
  }

  /** No fault acts any more. */
  chaosEnds(): void {
    for (const end of this.#chaosEnd.splice(0)) end.abort();
  }

  /** Ends the continuous ones and asks those of the end. */
  async finish(): Promise<void> {
    this.chaosEnds();
    this.#end.abort();
    await Promise.all(this.#asking);
    for (const p of this.#of('EoT', 'Edge')) await this.#judge(p, () => {});
  }

  /** Asks one by name, now. */
  async askNow(name: string): Promise<{ held: boolean; said: string }> {
    const probe = this.#probes.find((p) => p.name === name);
    if (!probe) throw new LabError(`Probe "${name}" is not in the scenario`, 2);
    const { held, value } = await this.#judge(probe, () => {});
    return { held, said: value };
  }

  #of(...modes: HypothesisProbe['mode'][]): HypothesisProbe[] {
    return this.#probes.filter((p) => modes.includes(p.mode));
  }

  async #judge(probe: HypothesisProbe, onFailure: (reason: string) => void): Promise<ProbeResult> {
    let value = '';
    let held = false;
    for (let i = 0; i < probe.attempts && !held && !this.#signal.aborted; i++) {
      if (i > 0) await waitUntil(measuringClock.now() + probe.intervalMs, this.#signal).catch(() => {});
      value = await ask(this.#lab, probe.question, this.#signal).catch((error: unknown) => (error as Error).message);
      held = tolerated(value, probe.tolerance);
    }
    const result: ProbeResult = {
      name: probe.name,
      mode: probe.mode,
      held,
      value,
      tolerance: toleranceText(probe.tolerance),
      at_ms: Math.round(measuringClock.now() - this.#startMs),
    };
    this.#results.push(result);
    if (!held && probe.stopOnFailure)
      onFailure(`Probe "${probe.name}" found ${JSON.stringify(value)}, not ${result.tolerance}`);
    return result;
  }

  #repeat(probe: HypothesisProbe, until: AbortSignal, onFailure: (reason: string) => void): void {
    const loop = async (): Promise<void> => {
      while (!until.aborted && !this.#signal.aborted) {
        const before = measuringClock.now();
        await this.#judge(probe, onFailure);
        await waitUntil(before + probe.intervalMs, until).catch(() => {});
      }
    };
    this.#asking.push(loop());
  }
}
