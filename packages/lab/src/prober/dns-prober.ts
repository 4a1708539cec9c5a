/**
 * The paced DNS prober. Open loop, as the HTTP one: query `n` is due at start + n x interval whatever became of the ones before. Each query has a
 * socket of its own, as a resolver's does, so that each is a flow of its own to nftables and conntrack. Servers are asked in turn: the next one when
 * one was silent for the time-out or cannot be reached, as resolv.conf(5) has it; an answer of any kind is the last word.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Cancel, Clock, DnsOutcome, DnsProbeType, DnsSample } from '@svclab/core';
import { encodeDnsQuery, readDnsAnswer } from './dns-message.ts';
import { type DnsServer, formatServer } from './dns-options.ts';

/** How to probe. Milliseconds. */
export interface DnsProberOptions {
  readonly name: string;
  readonly type: DnsProbeType;
  /** At least one. */
  readonly servers: readonly DnsServer[];
  readonly intervalMs: number;
  /** undefined: until `stop`. */
  readonly durationMs: number | undefined;
  /** How long each server is waited for. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called about once a second. */
  readonly onProgress?: (progress: { sent: number; lost: number }) => void;
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN']);

/** One run of the prober. */
export class DnsProber {
  /** In order of `seq` once `run` has resolved. */
  readonly samples: DnsSample[] = [];
  /** CLOCK_MONOTONIC at millisecond 0 of all samples, nanoseconds. */
  readonly startNs: bigint;
  readonly #options: DnsProberOptions;
  readonly #startMs: number;
  readonly #ticks: number;
  #next = 0;
  #pending = 0;
  #lost = 0;
  #stopped = false;
  #progressAt = 1000;
  #finish: () => void = () => {};

  constructor(options: DnsProberOptions) {
    this.#options = options;
    const { clock, durationMs, intervalMs } = options;
    this.#ticks =
      durationMs === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.round(durationMs / intervalMs));
    this.startNs = clock.nowNs() + BigInt(Math.round(intervalMs * 1e6));
    this.#startMs = clock.now() + intervalMs;
  }

  /** Runs to the end and resolves once every query's fate is known. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = () => {
        this.samples.sort((a, b) => a.seq - b.seq);
        resolve();
      };
      this.#step();
    });
  }

  /** Sends no more; `run` resolves when what is under way has ended. */
  stop(): void {
    this.#stopped = true;
  }

  #now(): number {
    return this.#options.clock.now() - this.#startMs;
  }

  #sending(): boolean {
    return !this.#stopped && this.#next < this.#ticks;
  }

  #step(): void {
    const { clock, intervalMs, onProgress } = this.#options;
    while (this.#sending() && this.#next * intervalMs <= this.#now()) this.#ask(this.#next++);
    if (this.#now() >= this.#progressAt) {
      this.#progressAt += 1000;
      onProgress?.({ sent: this.#next, lost: this.#lost });
    }
    if (!this.#sending()) {
      if (this.#pending === 0) this.#finish();
      return;
    }
    clock.after(Math.max(1, Math.floor(this.#next * intervalMs - this.#now())), () => this.#step());
  }

  #ask(seq: number): void {
    const { clock, intervalMs, name, servers, timeoutMs, type } = this.#options;
    this.#pending += 1;
    const sentMs = this.#now();
    const id = seq & 0xffff;
    const query = encodeDnsQuery(id, name, type);
    const attempt = (index: number): void => {
      const server = servers[index];
      if (!server) return;
      askOnce(
        { clock, server, query, timeoutMs },
        (bytes) => readDnsAnswer(bytes, id, type),
        (found) => {
          if ('failed' in found && index + 1 < servers.length) {
            attempt(index + 1);
            return;
          }
          const verdict = 'failed' in found ? { outcome: found.failed, addresses: [], ttl: undefined } : found;
          this.#record({
            seq,
            scheduledMs: seq * intervalMs,
            sentMs,
            doneMs: this.#now(),
            ...verdict,
            server: formatServer(server),
          });
        },
      );
    };
    attempt(0);
  }

  #record(sample: DnsSample): void {
    this.samples.push(sample);
    if (sample.outcome !== 'ok') this.#lost += 1;
    this.#pending -= 1;
    if (this.#pending === 0 && !this.#sending()) this.#finish();
  }
}

/** Asks one server once; `settle` is called exactly once. */
function askOnce<T extends object>(
  { clock, server, query, timeoutMs }: { clock: Clock; server: DnsServer; query: Buffer; timeoutMs: number },
  read: (bytes: Buffer) => T | undefined,
  settle: (found: T | { readonly failed: DnsOutcome }) => void,
): void {
  const socket: Socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4');
  let cancel: Cancel | undefined;
  let done = false;
  const end = (found: T | { readonly failed: DnsOutcome }): void => {
    if (done) return;
    done = true;
    cancel?.();
    socket.close();
    settle(found);
  };
  cancel = clock.after(timeoutMs, () => end({ failed: 'timeout' }));
  socket.on('error', (error: NodeJS.ErrnoException) =>
    end({ failed: UNREACHABLE.has(error.code ?? '') ? 'unreachable' : 'other' }),
  );
  socket.on('message', (bytes) => {
    const found = read(bytes);
    if (found) end(found);
  });
  socket.on('connect', () => {
    if (!done) socket.send(query);
  });
  // A connected socket hears when the server's port is closed or its address has no owner.
  socket.connect(server.port, server.address);
}
