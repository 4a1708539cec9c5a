/** The membership state machine on a UDP socket of the node LAN: datagrams authenticated with the lab's token, one timer, own stalls noticed. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import {
  type Cancel,
  type Clock,
  type Effects,
  Membership,
  type MembershipEvent,
  type MembershipSettings,
  type Packet,
  type Random,
} from '@svclab/core';
import type { Logger } from '@svclab/runtime';

/** Bytes of the authentication code in front of each datagram (HMAC-SHA-256, cut to 128 bits as RFC 2104 allows). */
const MAC_BYTES = 16;
/** A timer that fires later than this was held up by us, ms. */
const STALL_MS = 8;

const nothing = (): void => {};

export interface GossipOptions {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly token: string;
  readonly settings: MembershipSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called for each change, synchronously in the step that found it. */
  readonly onEvent: (event: MembershipEvent) => void;
}

export class Gossip {
  readonly membership: Membership;
  readonly #options: GossipOptions;
  readonly #socket: Socket;
  readonly #key: KeyObject;
  #cancel: Cancel = () => {};
  #armedFor = Number.POSITIVE_INFINITY;
  #closed = false;

  private constructor(options: GossipOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#key = createSecretKey(Buffer.from(options.token));
    this.membership = new Membership(options, options.clock.now());
    socket.on('message', (data, peer) => this.#receive(data, peer.address));
    this.#arm();
  }

  /** Opens the socket. Rejects when the address is not there or the port is taken. */
  static open(options: GossipOptions): Promise<Gossip> {
    const socket = createSocket({
      type: 'udp4',
      recvBufferSize: 1 << 20,
      // Members give addresses, never names.
      lookup: (host, _options, callback) => callback(null, host, 4),
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: options.address, port: options.port }, () => {
        socket.off('error', reject);
        socket.on('error', (err) => options.log.warn({ event: 'gossip-socket', err }));
        resolve(new Gossip(options, socket));
      });
    });
  }

  /** Asks the members at `addresses` to take us in. */
  join(addresses: readonly string[]): void {
    this.#carryOut(this.membership.join(addresses));
  }

  /** Says good-bye to everyone; resolves when the datagrams have been handed to the kernel. */
  async leave(): Promise<void> {
    const effects = this.membership.leave(this.#options.clock.now());
    await Promise.all(
      effects.sends.map((s) => new Promise<void>((sent) => this.#send(s.address, s.packet, () => sent()))),
    );
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#socket.close();
  }

  #receive(data: Buffer, address: string): void {
    const packet = this.#open(data);
    if (packet) this.#carryOut(this.membership.receive(packet, address, this.#options.clock.now()));
  }

  #carryOut(effects: Effects): void {
    for (const event of effects.events) this.#options.onEvent(event);
    for (const s of effects.sends) this.#send(s.address, s.packet);
    this.#arm();
  }

  #arm(): void {
    if (this.#closed) return;
    const deadline = this.membership.nextDeadline();
    if (deadline === this.#armedFor) return;
    this.#cancel();
    this.#armedFor = deadline;
    const wait = Math.max(0, deadline - this.#options.clock.now());
    this.#cancel = this.#options.clock.after(Math.ceil(wait), () => this.#due(deadline));
  }

  /** A deadline has come. What the socket holds is read before anyone is judged by it: timers run before the poll phase, this after. */
  #due(deadline: number): void {
    const late = this.#options.clock.now() - deadline;
    if (late > STALL_MS) this.membership.stalled(late);
    setImmediate(() => {
      if (this.#closed) return;
      this.#armedFor = Number.NaN;
      this.#carryOut(this.membership.advance(this.#options.clock.now()));
    });
  }

  /** An unreachable peer is no error here: to find out is what membership is for. */
  #send(address: string, packet: Packet, sent: () => void = nothing): void {
    if (this.#closed) sent();
    else this.#socket.send(this.#seal(packet), this.#options.port, address, sent);
  }

  #seal(packet: Packet): Buffer {
    const body = Buffer.from(JSON.stringify(packet));
    return Buffer.concat([this.#mac(body), body]);
  }

  #open(data: Buffer): Packet | undefined {
    const body = data.subarray(MAC_BYTES);
    if (data.length <= MAC_BYTES || !timingSafeEqual(data.subarray(0, MAC_BYTES), this.#mac(body))) return undefined;
    try {
      return JSON.parse(body.toString()) as Packet;
    } catch {
      return undefined;
    }
  }

  #mac(body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, MAC_BYTES);
  }
}
