/** A link that goes down and comes up again, over and over. */
import { type Direction, type Network, type Place, portOf } from './flow.ts';
import type { Applied, Ground } from './ground.ts';
import { lose, planLoss } from './lose.ts';

/** How a link flaps. It begins with down. */
export interface Flap {
  readonly place: Place;
  readonly network: Network;
  readonly direction: Direction;
  /** ms */
  readonly downMs: number;
  readonly upMs: number;
}

/** The commands. */
export function planFlap(flap: Flap, ground: Ground): readonly string[] {
  const host = carrierOf(flap, ground);
  return [
    ...(host === undefined
      ? planLoss({ ...flap, percent: 100 }, ground)
      : [`ip link set ${portOf(host, flap.network)} down`]),
    `undo it after ${flap.downMs} ms, do it again after ${flap.upMs} ms, and so on`,
  ];
}

/** The host whose carrier goes; undefined where frames are dropped instead: on a link between two hosts, one way, or in Docker. */
function carrierOf({ direction, place }: Flap, ground: Ground): string | undefined {
  return ground.driver === 'netns' && 'host' in place && direction === 'both' ? place.host : undefined;
}

/** Flaps a link until it is healed. Fails with a LabError and has then changed nothing. */
export async function flap(wish: Flap, ground: Ground): Promise<Applied> {
  const line = new FlappingLink(wish, ground);
  const atNs = await line.begin();
  return { atNs, heal: () => line.end(), again: (host) => line.again(host) };
}

class FlappingLink {
  readonly #wish: Flap;
  readonly #ground: Ground;
  readonly #host: string | undefined;
  #isDown = false;
  #healed = false;
  #cut: Applied | undefined;
  #cancel = (): void => {};
  /** Changes are made one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(wish: Flap, ground: Ground) {
    this.#wish = wish;
    this.#ground = ground;
    this.#host = carrierOf(wish, ground);
  }

  async begin(): Promise<bigint> {
    const atNs = await this.#set(true);
    this.#next();
    return atNs;
  }

  end(): Promise<bigint> {
    this.#healed = true;
    this.#cancel();
    return this.#inTurn(() => this.#set(false));
  }

  /** The host's new port is up. */
  async again(host: string): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#healed || !this.#isDown) return;
      if (this.#host === host) this.#ground.lab.setCarrier(host, this.#wish.network, false);
      await this.#cut?.again?.(host);
    });
  }

  /** The next change, each counted from the one before. One that fails is left out. */
  #next(): void {
    const { downMs, upMs } = this.#wish;
    this.#cancel = this.#ground.clock.after(this.#isDown ? downMs : upMs, () => {
      void this.#inTurn(async () => {
        if (!this.#healed) await this.#set(!this.#isDown);
      })
        .catch((err: unknown) => this.#ground.log.error({ event: 'link-not-flapped', err }))
        .then(() => {
          if (!this.#healed) this.#next();
        });
    });
  }

  async #set(down: boolean): Promise<bigint> {
    const { clock, lab, log } = this.#ground;
    let atNs = clock.nowNs();
    if (this.#isDown === down) return atNs;
    if (this.#host !== undefined) atNs = lab.setCarrier(this.#host, this.#wish.network, !down);
    else if (down) {
      this.#cut = await lose({ ...this.#wish, percent: 100 }, this.#ground);
      atNs = this.#cut.atNs;
    } else if (this.#cut) atNs = await this.#cut.heal();
    this.#isDown = down;
    log.info({ event: down ? 'link-down' : 'link-up', id: this.#ground.id, at_ns: String(atNs) });
    return atNs;
  }

  #inTurn<T>(fn: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(fn, fn);
    this.#turn = done.catch(() => {});
    return done;
  }
}
