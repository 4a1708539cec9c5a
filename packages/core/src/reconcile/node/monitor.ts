/** Which nodes have fallen silent: a state machine over heartbeats. Source of the idea: kubernetes `pkg/controller/nodelifecycle`, with Lifeguard's doubt about oneself. */

/** Limits of a {@link NodeMonitor}, milliseconds. */
export interface NodeMonitorLimits {
  /** Silence after which a node counts as gone (`node.monitorGracePeriod`). */
  readonly graceMs: number;
  /** Time between two looks (`node.monitorPeriod`). */
  readonly periodMs: number;
}

/** Verdict of one look. `held` says why nobody is declared gone, if that is so. */
export interface NodeVerdict {
  readonly silent: readonly string[];
  readonly held: 'disconnected' | 'stalled' | 'nothing-heard' | undefined;
}

/**
 * Hears heartbeats and says who is silent. It never blames a node for what may be its own fault: after its start, after its own event loop stood
 * still, while the bus or the store is away, and while nobody at all is heard, the grace period of all nodes starts anew.
 */
export class NodeMonitor {
  readonly #limits: NodeMonitorLimits;
  /** Node -> when it was heard last. */
  readonly #heard = new Map<string, number>();
  #graceFrom: number;
  #lastLook: number;
  #lastSound: number;
  #held = false;

  constructor(limits: NodeMonitorLimits, nowMs: number) {
    this.#limits = limits;
    this.#graceFrom = nowMs;
    this.#lastLook = nowMs;
    this.#lastSound = nowMs;
  }

  /** Takes in a heartbeat of a node. */
  heard(node: string, nowMs: number): void {
    this.sound(nowMs);
    this.#heard.set(node, nowMs);
  }

  /** Takes in any sign that messages arrive, such as a DNS server's heartbeat. */
  sound(nowMs: number): void {
    this.#lastSound = nowMs;
    if (this.#held) this.restart(nowMs);
  }

  /** Starts the grace period of all nodes anew. */
  restart(nowMs: number): void {
    this.#held = false;
    this.#graceFrom = nowMs;
  }

  /** When the node was heard last; undefined when it never was. */
  lastHeard(node: string): number | undefined {
    return this.#heard.get(node);
  }

  /** True when a heartbeat has come within the grace period: not only the benefit of the doubt. */
  isAlive(node: string, nowMs: number): boolean {
    const at = this.#heard.get(node);
    return at !== undefined && nowMs - at < this.#limits.graceMs;
  }

  forget(node: string): void {
    this.#heard.delete(node);
  }

  /**
   * Looks at the nodes.
   * @param connected false while the bus or the store cannot be reached
   */
  look(nodes: readonly string[], connected: boolean, nowMs: number): NodeVerdict {
    const lag = nowMs - this.#lastLook - this.#limits.periodMs;
    this.#lastLook = nowMs;
    const half = this.#limits.graceMs / 2;
    if (!connected) {
      this.#held = true;
      return { silent: [], held: 'disconnected' };
    }
    if (lag > half) {
      this.restart(nowMs);
      return { silent: [], held: 'stalled' };
    }
    if (this.#held || nowMs - this.#lastSound > half) {
      this.#held = true;
      return { silent: [], held: 'nothing-heard' };
    }
    const silent = nodes.filter(
      (node) => nowMs - Math.max(this.#graceFrom, this.#heard.get(node) ?? 0) >= this.#limits.graceMs,
    );
    return { silent, held: undefined };
  }
}
