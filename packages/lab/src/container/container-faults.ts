/** Faults of whole containers. They come from outside (`docker kill` and the like); here they are noticed, named and put on the timeline. */
import type { Clock, HostSpec, TimelineEvent } from '@svclab/core';
import { type Logger, ServerError, Status } from '@svclab/runtime';
import type { FaultRequest, FaultResponse } from '@svclab/wire';
import { formatArgs, numberArg, parseArgs } from '../faults/args.ts';
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
  reboot: 'effective',
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
  readonly request: FaultRequest;
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
    const args = expected ? formatArgs(expected.request.args) : '';
    const id = settled || expected?.id || '';
    const stamped = this.#timeline.stamp(event.type === 'effective' ? 'fault.effective' : 'fault.healed', {
      atNs: event.atNs,
      cause: expected?.cause ?? 'seen from outside',
      attrs: {
        fault: expected?.request.verb ?? event.fault,
        target: hostTarget(host),
        ...(id === '' ? {} : { id }),
        ...(args === '' ? {} : { args }),
        ...(event.network === '' ? {} : { network: event.network }),
        ...(event.errorMs === 0 ? {} : { error_ms: String(event.errorMs) }),
      },
    });
    this.#log.info({ event: 'container-fault', target: host.name, ...event, atNs: String(event.atNs) });
    if (event.type === 'healed') void this.#engine?.ledger.again(host.name);
    if (!expected) return;
    expected.event = stamped;
    // At once, not when the caller asks: it may be killed before it does.
    this.#list(host.name, expected, stamped);
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
    const healsAtNs = this.#healsAt(expected, event);
    return {
      ...NOTHING,
      resolved: `node/${host}`,
      effectiveNs: event.atNs,
      effectiveWallMs: BigInt(Math.round(event.wallMs)),
      id: faultOf(request.verb)?.heals ? '' : expected.id,
      ...(healsAtNs === undefined
        ? {}
        : { healsAtNs, healsAtWallMs: BigInt(Math.round(event.wallMs + Number(healsAtNs - event.atNs) / 1e6)) }),
    };
  }

  #expect(host: string, request: FaultRequest, cause: string, id: string): FaultResponse {
    const until = this.#clock.now() + EXPECTED_MS;
    this.#expected.set(host, { id, request, cause, until, event: undefined, waiters: [] });
    return { ...NOTHING, resolved: `node/${host}`, id };
  }

  /** Puts what was done to a container among the faults in effect. */
  #list(host: string, expected: Expectation, { atNs }: TimelineEvent): void {
    const { id, cause, request } = expected;
    if (faultOf(request.verb)?.heals) return;
    const target = `node/${host}`;
    const fault: LedgerFault = {
      ...{ id, verb: request.verb, args: request.args, cause, session: request.session, targets: [target] },
      sinceNs: atNs,
      healsAtNs: this.#healsAt(expected, { atNs }),
      outside: true,
    };
    this.#engine?.ledger.add(fault, [{ target, heal: async () => this.#clock.nowNs() }]);
  }

  #healsAt({ request }: Expectation, { atNs }: Pick<TimelineEvent, 'atNs'>): bigint | undefined {
    const definition = faultOf(request.verb);
    const duration = definition && numberArg(parseArgs(definition, request.args), 'duration');
    return duration === undefined ? undefined : atNs + BigInt(Math.round(duration * 1e6));
  }

  /** Forgets what was done to a container that runs again. Returns the ids, joined by commas. */
  #settle(target: string): string {
    const outside = (this.#engine?.ledger.faults ?? []).filter((f) => f.outside && f.targets.includes(target));
    if (outside.length === 0) return '';
    return this.#engine?.ledger.settle(['kill', 'stop', 'pause', 'reboot'], (t) => t === target).join(',') ?? '';
  }

  #match(host: string, event: HostEvent): Expectation | undefined {
    const expected = this.#expected.get(host);
    if (!expected || expected.event || this.#clock.now() > expected.until) return undefined;
    return SEEN_AS[expected.request.verb] === event.type ? expected : undefined;
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
