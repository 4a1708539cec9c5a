/** Becoming a member: whom to ask, and when what they said is enough to elect by. */
import type { Clock, HostSpec, LabConfig, Node } from '@svclab/core';
import type { Gossip } from './gossip.ts';

/** How long an announcer that hears nobody waits before it believes that it is alone, in probe intervals; at least this many ms. */
const ALONE_INTERVALS = 2;
const ALONE_MS = 400;
/** Between two attempts at the start, when peers may just be starting too, and after the LAN was away, ms. */
const RETRY_MS = { start: 20, return: 100 } as const;

/** Name -> LAN address of the other nodes: those there were when this announcer started, without those removed since, and those registered. */
export function peersOf(
  { host, lab }: { readonly host: Pick<HostSpec, 'name'>; readonly lab: Pick<LabConfig, 'hosts'> },
  nodes: readonly Node[],
  removed: ReadonlySet<string>,
): Map<string, string> {
  const known = new Map<string, string>();
  for (const h of lab.hosts) if (h.role === 'node' && h.lanIP && !removed.has(h.name)) known.set(h.name, h.lanIP);
  for (const n of nodes) {
    const address = n.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
    if (address) known.set(n.metadata.name, address);
  }
  known.delete(host.name);
  return known;
}

export interface JoinOptions {
  readonly gossip: Pick<Gossip, 'join'> & {
    readonly membership: Pick<Gossip['membership'], 'informed' | 'present' | 'cutOff'>;
  };
  readonly clock: Pick<Clock, 'after' | 'now'>;
  readonly probeInterval: number;
  readonly peers: () => ReadonlyMap<string, string>;
}

/** Asks for members and waits for what they say. */
export class Joiner {
  readonly #options: JoinOptions;
  #peerFound = (): void => {};

  constructor(options: JoinOptions) {
    this.#options = options;
  }

  /** Addresses of peers that are no members. */
  missing(): string[] {
    const present = this.#options.gossip.membership.present();
    return [...this.#options.peers()].filter(([name]) => !present.includes(name)).map(([, address]) => address);
  }

  /** Asks the peers that are no members. */
  joinMissing(): void {
    this.#options.gossip.join(this.missing());
  }

  /** A peer has become a member. */
  joined(): void {
    if (this.#options.gossip.membership.informed) this.#peerFound();
  }

  /**
   * Resolves when a peer has told its member list, or when there is none after a while. Until then nothing is elected: an announcer that
   * knows only itself would believe that it owns everything, one that knows only the first peer it heard, too much.
   */
  start(): Promise<void> {
    const { gossip } = this.#options;
    const enough = (): boolean => gossip.membership.informed || this.missing().length === 0;
    return Promise.race([
      // At once, not at the next look: the peers have given up already what is ours.
      new Promise<void>((resolve) => {
        this.#peerFound = resolve;
      }),
      this.#until(RETRY_MS.start, enough, () => this.joinMissing()),
    ]);
  }

  /**
   * The same after this node was cut off. Now everyone is asked, for those believed alive may have given up on this node; and everyone
   * is waited for, for those believed dead are so until they have said otherwise themselves.
   */
  rejoin(): Promise<void> {
    const { gossip, peers } = this.#options;
    gossip.membership.cutOff();
    const enough = (): boolean => peers().size === 0 || (gossip.membership.informed && this.missing().length === 0);
    return this.#until(RETRY_MS.return, enough, () => gossip.join([...peers().values()]));
  }

  #until(everyMs: number, enough: () => boolean, again: () => void): Promise<void> {
    const { clock, probeInterval } = this.#options;
    const until = clock.now() + Math.max(ALONE_MS, ALONE_INTERVALS * probeInterval);
    return new Promise((resolve) => {
      const look = (): void => {
        if (enough() || clock.now() >= until) resolve();
        else {
          again();
          clock.after(everyMs, look);
        }
      };
      look();
    });
  }
}
