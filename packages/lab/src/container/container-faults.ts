/** Faults of whole containers. They come from outside (`docker kill` and the like); here they are noticed, named and put on the timeline. */
import type { Clock, HostSpec, TimelineEvent } from '@svclab/core';
import { type Logger, ServerError, Status } from '@svclab/runtime';
import type { FaultRequest } from '@svclab/wire';
import { hostTarget } from '../faults/target.ts';
import type { TimelineLog } from '../supervisor/timeline-log.ts';
import type { HostEvent } from './host-view.ts';

/** How long after it was announced a fault may take to be seen, ms. */
const EXPECTED_MS = 15_000;

/** What each verb of `svclab fault` is seen as. */
const SEEN_AS: Readonly<Record<string, HostEvent['type']>> = {
  kill: 'effective',
  stop: 'effective',
  pause: 'effective',
  resume: 'healed',
  restart: 'healed',
};

interface Expectation {
  readonly verb: string;
  readonly cause: string;
  readonly until: number;
  event: TimelineEvent | undefined;
  readonly waiters: ((event: TimelineEvent | undefined) => void)[];
}

export class ContainerFaults {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #timeline: TimelineLog;
  readonly #expected = new Map<string, Expectation>();

  constructor(options: { clock: Clock; log: Logger; timeline: TimelineLog }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#timeline = options.timeline;
  }

  /** Puts on the timeline what was seen of a host. */
  seen(host: HostSpec, event: HostEvent): void {
    const expected = this.#match(host.name, event);
    const stamped = this.#timeline.stamp(event.type === 'effective' ? 'fault.effective' : 'fault.healed', {
      atNs: event.atNs,
      cause: expected?.cause ?? 'seen from outside',
      attrs: {
        fault: expected?.verb ?? event.fault,
        target: hostTarget(host),
        ...(event.network === '' ? {} : { network: event.network }),
        ...(event.errorMs === 0 ? {} : { error_ms: String(event.errorMs) }),
      },
    });
    this.#log.info({ event: 'container-fault', target: host.name, ...event, atNs: String(event.atNs) });
    if (!expected) return;
    expected.event = stamped;
    for (const wake of expected.waiters.splice(0)) wake(stamped);
  }

  /**
   * The CLI acts on a container by Docker and says so in two calls: `phase=expect` before it acts, so that what is seen gets its name;
   * `phase=await` afterwards, which answers with the step once it has been seen.
   * Fails with FAILED_PRECONDITION when nobody acts by Docker, and DEADLINE_EXCEEDED when nothing was seen.
   */
  async ofHost(host: string, request: FaultRequest, cause: string): Promise<TimelineEvent | undefined> {
    if (request.args.phase === 'expect') {
      this.#expected.set(host, {
        verb: request.verb,
        cause,
        until: this.#clock.now() + EXPECTED_MS,
        event: undefined,
        waiters: [],
      });
      return undefined;
    }
    if (request.args.phase !== 'await')
      throw new ServerError(
        Status.FAILED_PRECONDITION,
        'A container is acted on from outside: "docker kill", or svclab with --driver docker on the machine that runs Docker',
      );
    const expected = this.#expected.get(host);
    const event = expected?.event ?? (await this.#wait(expected));
    this.#expected.delete(host);
    if (!event)
      throw new ServerError(
        Status.DEADLINE_EXCEEDED,
        `Nothing was seen of ${request.verb} on host ${host} in ${EXPECTED_MS / 1000} s`,
      );
    return event;
  }

  #match(host: string, event: HostEvent): Expectation | undefined {
    const expected = this.#expected.get(host);
    if (!expected || expected.event || this.#clock.now() > expected.until) return undefined;
    return SEEN_AS[expected.verb] === event.type ? expected : undefined;
  }

  #wait(expected: Expectation | undefined): Promise<TimelineEvent | undefined> {
    if (!expected) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const cancel = this.#clock.after(Math.max(0, expected.until - this.#clock.now()), () => resolve(undefined));
      expected.waiters.push((event) => {
        cancel();
        resolve(event);
      });
    });
  }
}
