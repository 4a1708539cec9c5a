/** Makes and heals delay in user space: pairs of interfaces, the relay, the rules that turn frames aside. */
import type { ChildProcess } from 'node:child_process';
import { environmentError } from '../state/errors.ts';
import { programPath } from '../state/programs.ts';
import { heldFrames, holdRules, relayLines, sourcesOf, tapLines, untapLines } from './delay-rules.ts';
import { type Direction, flowsOf, hostsOn, type Network, type Place, placeName } from './flow.ts';
import { type Applied, addressOf, type Ground, may, must, nft } from './ground.ts';
import { lossTable, removeTable } from './loss.ts';
import { RELAY_OPEN, RELAY_READY, type RelayOptions } from './relay/options.ts';
import { SUPERVISOR_ADDRESS } from './shape.ts';

/** Delay of a place's frames. */
export interface Hold {
  readonly place: Place;
  readonly network: Network;
  readonly direction: Direction;
  /** ms */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly reorder: boolean;
  readonly seed: number;
}

/** Per lab: pairs and marks are numbered, and no number is given twice. */
const numbers = new WeakMap<object, { taps: number; marks: number }>();

function numbersOf(ground: Ground): { taps: number; marks: number } {
  const found = numbers.get(ground.lab) ?? { taps: 0, marks: 0 };
  numbers.set(ground.lab, found);
  return found;
}

/** The commands. */
export function planHold(hold: Hold, ground: Ground): readonly string[] {
  const { delayMs, direction, jitterMs, network, place, reorder, seed } = hold;
  const held = heldFrames(
    flowsOf(place, direction),
    network,
    hostsOn(ground.config, network),
    (host) => `ADDRESS-OF-${host}`,
    network === 'control' ? SUPERVISOR_ADDRESS : undefined,
  );
  const ids = held.map((_, i) => i + 1);
  const options: RelayOptions = { lines: relayLines(held, ids), mark: 1, delayMs, jitterMs, reorder, seed };
  return [
    ...tapLines(ids, ground.config.podNetwork !== 'vxlan').map((line) => `ip ${line}`),
    `relay '${JSON.stringify(options)}'`,
    `nft -f - <<'EOF'\n${holdRules(lossTable(ground.id, placeName(place)), held, ids, 1)}EOF`,
  ];
}

/** Delays frames until it is healed (netns driver). Fails with a LabError and has then changed nothing. */
export async function hold(wish: Hold, ground: Ground): Promise<Applied> {
  const line = new HeldPlace(wish, ground);
  await line.begin();
  return {
    atNs: ground.clock.nowNs(),
    async heal() {
      await line.end();
      return ground.clock.nowNs();
    },
    // Its port is another one now, and so may be its address.
    again: () => line.renew(),
  };
}

/** What there is while frames are held. */
interface Parts {
  readonly ids: readonly number[];
  readonly relay: RunningRelay;
}

class HeldPlace {
  readonly #wish: Hold;
  readonly #ground: Ground;
  readonly #table: string;
  readonly #mark: number;
  #parts: Parts | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(wish: Hold, ground: Ground) {
    this.#wish = wish;
    this.#ground = ground;
    this.#table = lossTable(ground.id, placeName(wish.place));
    const given = numbersOf(ground);
    given.marks += 1;
    this.#mark = given.marks;
  }

  begin(): Promise<void> {
    return this.#inTurn(() => this.#build());
  }

  end(): Promise<void> {
    return this.#inTurn(() => this.#remove());
  }

  renew(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#parts) return;
      await this.#remove();
      await this.#build();
    });
  }

  #inTurn(fn: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(fn, fn);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #build(): Promise<void> {
    const ground = this.#ground;
    const { delayMs, direction, jitterMs, network, place, reorder, seed } = this.#wish;
    const flows = flowsOf(place, direction);
    const addresses = new Map<string, string | undefined>();
    for (const host of sourcesOf(flows)) addresses.set(host, await addressOf(ground, host, network));
    const held = heldFrames(
      flows,
      network,
      hostsOn(ground.config, network).filter((h) => ground.lab.isUp(h)),
      (host) => addresses.get(host),
      network === 'control' ? SUPERVISOR_ADDRESS : undefined,
    );
    if (held.length === 0) throw environmentError(`Nothing can be delayed: ${placeName(place)} is down`);
    const given = numbersOf(ground);
    const ids = held.map(() => ++given.taps);
    try {
      await must(ground, undefined, ['ip', '-batch', '-'], text(tapLines(ids, ground.config.podNetwork !== 'vxlan')));
      const options = { lines: relayLines(held, ids), mark: this.#mark, delayMs, jitterMs, reorder, seed };
      const relay = await RunningRelay.start(options, ground, () => void this.#lostRelay());
      this.#parts = { ids, relay };
      await nft(ground, undefined, holdRules(this.#table, held, ids, this.#mark));
    } catch (error) {
      if (this.#parts) await this.#remove();
      else await untap(ground, ids);
      throw error;
    }
  }

  /** Frames that are held are let go before the rules are, so that none is lost and none overtakes them. */
  async #remove(): Promise<void> {
    const parts = this.#parts;
    if (!parts) return;
    await parts.relay.open();
    await nft(this.#ground, undefined, removeTable(`netdev ${this.#table}`));
    this.#parts = undefined;
    await parts.relay.end();
    await untap(this.#ground, parts.ids);
  }

  /** A relay that was killed cuts its link: another takes its place, and where that fails the link is made whole. */
  async #lostRelay(): Promise<void> {
    const { log } = this.#ground;
    log.error({ event: 'delay-relay-lost', table: this.#table });
    try {
      await this.renew();
    } catch (err) {
      log.error({ event: 'delay-not-renewed', table: this.#table, err });
    }
  }
}

const text = (of: readonly string[]): string => `${of.join('\n')}\n`;

function untap(ground: Ground, ids: readonly number[]): Promise<void> {
  return may(ground, undefined, ['ip', '-force', '-batch', '-'], text(untapLines(ids)));
}

/** The relay as a process. */
class RunningRelay {
  readonly #child: ChildProcess;
  readonly #ground: Ground;
  readonly #ended: Promise<void>;
  #said = '';
  #wake = (): void => {};
  #over = false;
  #wanted = true;

  private constructor(child: ChildProcess, ground: Ground, lost: () => void) {
    this.#child = child;
    this.#ground = ground;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      this.#wake();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    child.stdin?.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#over = true;
        this.#wake();
        resolve();
      };
      child.once('error', end);
      child.once('close', end);
    });
    void this.#ended.then(() => {
      if (this.#wanted) lost();
    });
  }

  /** Starts it and waits until it holds frames. Fails with a LabError holding what it said. */
  static async start(options: RelayOptions, ground: Ground, lost: () => void): Promise<RunningRelay> {
    // It makes and drops a frame at a time: a large young generation collects seldom.
    const argv = [process.execPath, '--max-semi-space-size=16', programPath('relay'), JSON.stringify(options)];
    const relay = new RunningRelay(ground.start(argv), ground, lost);
    if (await relay.#heard(RELAY_READY)) return relay;
    relay.#wanted = false;
    throw environmentError(`Delay cannot be made: ${relay.#said.trim() || 'its process has ended at once'}`);
  }

  /** Has it let go of all it holds, and hold nothing from now on. */
  async open(): Promise<void> {
    this.#wanted = false;
    this.#child.stdin?.write('open\n');
    await this.#heard(RELAY_OPEN);
  }

  async end(): Promise<void> {
    this.#wanted = false;
    this.#child.stdin?.end();
    await this.#ended;
    const counts = /\{.*\}/.exec(this.#said)?.[0];
    this.#ground.log.info({ event: 'delay-ended', counts });
  }

  /** Waits for a word; false when it ends without saying it. */
  async #heard(word: string): Promise<boolean> {
    while (!this.#over && !this.#said.includes(`${word}\n`))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#said.includes(`${word}\n`);
  }
}
