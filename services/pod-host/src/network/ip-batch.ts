import { type Netns, spawnIn } from '@svclab/runtime';

/** The `ip` program refused a line. */
export class IpError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'IpError';
  }
}

/** What `ip -force -batch` said about each line that failed: index (from 0) -> reason. */
export function failedLines(stderr: string): Map<number, string> {
  const failed = new Map<number, string>();
  let reason: string[] = [];
  for (const line of stderr.split('\n')) {
    const at = /^Command failed -:(\d+)$/.exec(line.trim());
    if (at) {
      failed.set(Number(at[1]) - 1, reason.join('; ') || 'no reason given');
      reason = [];
    } else if (line.trim() !== '') reason.push(line.trim());
  }
  return failed;
}

/** Runs lines as one `ip -batch` inside a namespace; a line that fails does not keep the others. Returns the failures. */
export function ipBatch(netns: Pick<Netns, 'fd'>, lines: readonly string[]): Promise<Map<number, string>> {
  return new Promise((resolve, reject) => {
    const child = spawnIn(netns, 'ip', ['-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    child.on('error', (error) =>
      reject(new IpError(`Program ip cannot be started (${error.message}): install iproute2`)),
    );
    child.on('close', (code, signal) => {
      const failed = failedLines(said);
      if (code === 0 || failed.size > 0) resolve(failed);
      else reject(new IpError(`Program ip ended with ${signal ?? code}: ${said.trim()}`));
    });
    // A program that ended early closes its end; 'close' tells the reason.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(`${lines.join('\n')}\n`);
  });
}

/** A step of one pod's set-up. An optional one may fail (removing what is usually not there). */
export interface IpStep {
  readonly line: string;
  readonly optional?: boolean;
}

/** Fails with {@link IpError} when a step that is not optional failed. `first` is the index of the first step in the batch. */
function judge(steps: readonly IpStep[], failed: ReadonlyMap<number, string>, first = 0): void {
  for (const [i, step] of steps.entries()) {
    const reason = failed.get(first + i);
    if (reason !== undefined && !step.optional) throw new IpError(`ip ${step.line} failed: ${reason}`);
  }
}

/** Runs the steps of one pod alone. */
export async function ipSteps(netns: Pick<Netns, 'fd'>, steps: readonly IpStep[]): Promise<void> {
  judge(
    steps,
    await ipBatch(
      netns,
      steps.map((s) => s.line),
    ),
  );
}

interface Waiting {
  readonly steps: readonly IpStep[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Collects the steps that arrive while one batch runs and sends them together as the next: many pods cost few programs. */
export class IpBatcher {
  readonly #netns: Pick<Netns, 'fd'>;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(netns: Pick<Netns, 'fd'>) {
    this.#netns = netns;
  }

  /** Resolves when the steps are done. Fails with {@link IpError} for these steps alone. */
  run(steps: readonly IpStep[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ steps, resolve, reject });
      // In a microtask, so that the pods of one turn of the event loop share a batch.
      if (!this.#running) queueMicrotask(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#send(group);
    }
    this.#running = false;
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    try {
      const lines = group.flatMap((item) => item.steps.map((s) => s.line));
      const failed = await ipBatch(this.#netns, lines);
      let first = 0;
      for (const item of group) {
        try {
          judge(item.steps, failed, first);
          item.resolve();
        } catch (error) {
          item.reject(error);
        }
        first += item.steps.length;
      }
    } catch (error) {
      for (const item of group) item.reject(error);
    }
  }
}
