/** What members tell each other. Source of the protocol: SWIM (Das, Gupta, Motivala 2002), hashicorp/memberlist `net.go`, `state.go`. */

/** What one member believes of another; `from` is whose word it is. */
export interface Update {
  readonly kind: 'alive' | 'suspect' | 'dead';
  readonly name: string;
  readonly address: string;
  readonly incarnation: number;
  readonly from: string;
}

/** The purpose of a packet. `seq` ties an ack or nack to what it answers. */
export type Body =
  | { readonly kind: 'ping'; readonly seq: number; readonly target: string }
  | { readonly kind: 'ack'; readonly seq: number }
  | { readonly kind: 'nack'; readonly seq: number }
  | { readonly kind: 'ping-req'; readonly seq: number; readonly target: string; readonly address: string }
  | { readonly kind: 'gossip' }
  | { readonly kind: 'push-pull'; readonly reply: boolean; readonly members: readonly Update[] };

/** One datagram: a body and the updates that travel with it. */
export interface Packet {
  readonly from: string;
  readonly body: Body;
  readonly updates: readonly Update[];
}

/** A datagram to send. `address` is the receiver's, as members announce it. */
export interface Send {
  readonly address: string;
  readonly packet: Packet;
}

/** A change of the member list, as this member sees it. */
export interface MembershipEvent {
  readonly type: 'joined' | 'suspected' | 'alive' | 'dead' | 'left';
  readonly name: string;
  /** When the member last acknowledged a probe of ours (clock of `now`), for `suspected` and `dead`. */
  readonly lastAckMs?: number;
  /** Whose word it was; our own name when we found it out. */
  readonly from: string;
}

/** State of a member. A suspect still counts as a member. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

/** A member as this one sees it. */
export interface Member {
  readonly name: string;
  readonly address: string;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Since when it is in this state (clock of `now`, ms). */
  readonly sinceMs: number;
}

/** Timers and limits; times in ms. Names are memberlist's. */
export interface MembershipSettings {
  readonly probeInterval: number;
  readonly probeTimeout: number;
  readonly indirectChecks: number;
  readonly suspicionMult: number;
  readonly suspicionMaxTimeoutMult: number;
  readonly retransmitMult: number;
  readonly gossipInterval: number;
  readonly gossipNodes: number;
  readonly gossipToTheDeadTime: number;
  readonly pushPullInterval: number;
  readonly awarenessMaxMultiplier: number;
}
