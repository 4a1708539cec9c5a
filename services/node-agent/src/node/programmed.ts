/** What every node's rules contain, from heartbeats and `programmed` messages. */
import { SUBJECTS } from '@svclab/core';
import type { Bus } from '@svclab/runtime';
import { NodeHeartbeat, Programmed } from '@svclab/wire';

/** Follows all nodes. A revision only grows: a restarted agent finds its rules where they were. */
export class ProgrammedRevisions {
  readonly revisions = new Map<string, number>();
  readonly #onChange: () => void;
  #ends: (() => void)[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Begins to listen. */
  start(bus: Pick<Bus, 'subscribe'>): void {
    this.#ends = [
      bus.subscribe(SUBJECTS.all.programmed, (payload) => {
        const { node, revision } = Programmed.decode(payload);
        this.note(node, Number(revision));
      }),
      bus.subscribe(SUBJECTS.all.heartbeat, (payload) => {
        const { node, programmedRevision } = NodeHeartbeat.decode(payload);
        this.note(node, Number(programmedRevision));
      }),
    ];
  }

  stop(): void {
    for (const end of this.#ends) end();
  }

  /** A node that is gone has no rules. */
  forget(node: string): void {
    this.revisions.delete(node);
  }

  /** Takes in one node's revision. */
  note(node: string, revision: number): void {
    if (revision <= (this.revisions.get(node) ?? 0)) return;
    this.revisions.set(node, revision);
    this.#onChange();
  }
}
