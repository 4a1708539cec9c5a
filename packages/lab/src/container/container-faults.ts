/** Faults of whole containers. They come from outside (`docker kill` and the like); here they are noticed, named and put on the timeline. */
import type { Clock, HostSpec, TimelineEvent } from '@svclab/core';
import { type Logger, ServerError, Status } from '@svclab/runtime';
import type { FaultRequest, FaultResponse } from '@svclab/wire';
import { numberArg, parseArgs } from '../faults/args.ts';
import type { FaultEngine } from '../faults/engine.ts';
import { faultOf } from '../faults/index.ts';
import type { LedgerFault } from '../faults/ledger.ts';
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

const NOTHING: FaultResponse = {
  resolved: '',
  effectiveNs: 0n,
  effectiveWallMs: 0n,
  id: '',
  plan: [],
  healsAtNs: 0n,
  healsAtWallMs: 0n,
};

interface Expectation {
  /** In the ledger, when what it does lasts. */
  readonly id: string;
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
  #engine: FaultEngine | undefined;

  constructor(options: { clock: Clock; log: Logger; timeline: TimelineLog }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#timeline = options.timeline;
  }

  /** From now on faults of containers are listed among the engine's. */
  attach(engine: FaultEngine): void {
    this.#engine = engine;
  }

  /** Puts on the timeline what was seen of a host. */
  seen(host: HostSpec, event: HostEvent): void {
    const expected = this.#match(host.name, event);
    const settled = event.type === 'healed' ? this.#settle(hostTarget(host)) : '';
    const id = settled || expected?.id || '';
    const stamped = this.#timeline.stamp(event.type === 'effective' ? 'fault.effective' : 'fault.healed', {
      atNs: event.atNs,
      cause: expected?.cause ?? 'seen from outside',
      attrs: {
        fault: expected?.verb ?? event.fault,
        target: hostTarget(host),
        ...(id === '' ? {} : { id }),
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
   * The CLI acts on a container by Docker and says so in two calls: `phase: expect` before it acts, so that what is seen gets its name;
   * `phase: await` afterwards, which answers with the step once it has been seen.
   * Fails with FAILED_PRECONDITION when nobody acts by Docker, and DEADLINE_EXCEEDED when nothing was seen.
   */
  async ofHost(host: string, request: FaultRequest, cause: string, engine: FaultEngine): Promise<FaultResponse> {
    if (request.phase === 'expect') return this.#expect(host, request, cause, engine.ledger.nextId());
    if (request.phase !== 'await')
      throw new ServerError(
        Status.FAILED_PRECONDITION,
        'A container is acted on from outside: "docker kill", or svclab with --driver docker on the machine that runs Docker',
      );
    const expected = this.#expected.get(host);
    const event = expected?.event ?? (await this.#wait(expected));
    this.#expected.delete(host);
    if (!expected || !event)
      throw new ServerError(
        Status.DEADLINE_EXCEEDED,
        `Nothing was seen of ${request.verb} on host ${host} in ${EXPECTED_MS / 1000} s`,
      );
    const { definition, ...made } = this.#made(host, request, expected, event);
    if (definition?.heals) return { ...made.response, id: '', healsAtNs: 0n, healsAtWallMs: 0n };
    engine.ledger.add(made.fault, [{ target: made.response.resolved, heal: async () => this.#clock.nowNs() }]);
    return made.response;
  }

  #expect(host: string, request: FaultRequest, cause: string, id: string): FaultResponse {
    const until = this.#clock.now() + EXPECTED_MS;
    this.#expected.set(host, { id, verb: request.verb, cause, until, event: undefined, waiters: [] });
    return { ...NOTHING, resolved: `node/${host}`, id };
  }

  #made(host: string, request: FaultRequest, expected: Expectation, event: TimelineEvent) {
    const definition = faultOf(request.verb);
    const duration = definition ? numberArg(parseArgs(definition, request.args), 'duration') : undefined;
    const ns = duration === undefined ? undefined : BigInt(Math.round(duration * 1e6));
    const fault: LedgerFault = {
      ...{ id: expected.id, verb: request.verb, args: request.args, cause: expected.cause, session: request.session },
      targets: [`node/${host}`],
      sinceNs: event.atNs,
      healsAtNs: ns === undefined ? undefined : event.atNs + ns,
      outside: true,
    };
    const response: FaultResponse = {
      ...NOTHING,
      resolved: `node/${host}`,
      effectiveNs: event.atNs,
      effectiveWallMs: BigInt(Math.round(event.wallMs)),
      id: expected.id,
      healsAtNs: fault.healsAtNs ?? 0n,
      healsAtWallMs: duration === undefined ? 0n : BigInt(Math.round(event.wallMs + duration)),
    };
    return { definition, fault, response };
  }

  /** Forgets what was done to a container that runs again. Returns the ids, joined by commas. */
  #settle(target: string): string {
    const outside = (this.#engine?.ledger.faults ?? []).filter((f) => f.outside && f.targets.includes(target));
    if (outside.length === 0) return '';
    return this.#engine?.ledger.settle(['kill', 'stop', 'pause'], (t) => t === target).join(',') ?? '';
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
