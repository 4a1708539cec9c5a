/** A client of the HTTP endpoint a lab in one container has. */
import type { MeasurementReport, TimelineEvent } from './report.ts';

/** Something a lab refused, or that it could not do. `status` is the HTTP status: 400 can be mended by the caller. */
export class LabRequestError extends Error {
  readonly status: number;
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabRequestError';
    this.status = status;
  }
}

/** Where a lab's endpoint is. */
export interface LabEndpoint {
  /** `http://localhost:32768` */
  readonly url: string;
  /** The SVCLAB_TOKEN the lab was started with. */
  readonly token: string;
}

/** What a fault did. */
export interface FaultEffect {
  readonly verb: string;
  /** What it acted on: `node/node-2` for `owner/default/web`. */
  readonly resolved: string;
  /** By which `heal` finds it; empty when nothing lasts. */
  readonly id: string;
  /** CLOCK_MONOTONIC of the machine the lab runs on, nanoseconds as decimal text. */
  readonly effective_ns: string;
  readonly time: string;
}

/** What a fault is given besides its target. */
export interface FaultOptions {
  /** Keep a killed process down until `restart`. */
  readonly hold?: boolean;
  /** Arguments as on the command line: `{ percent: 30, duration: '5s' }`. */
  readonly args?: Readonly<Record<string, string | number | boolean>>;
}

/** Verbs of {@link LabClient.fault}. */
export type FaultVerb =
  | 'kill'
  | 'stop'
  | 'pause'
  | 'resume'
  | 'restart'
  | 'partition'
  | 'heal'
  | 'loss'
  | 'delay'
  | 'rate'
  // And the others of docs/faults.md.
  | (string & {});

/** Where a Service is asked for from outside the cluster. */
export interface ServiceAddress {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly cluster_ip: string;
  /** The load balancer's address, else a node's for its node port, else the cluster IP. */
  readonly ip: string;
  readonly port: number;
  /** The host that can reach it: `client-1` outside the cluster, or a node for a cluster IP. */
  readonly from: string;
}

/** An announced address. */
export interface Vip {
  readonly vip: string;
  readonly namespace: string;
  readonly service: string;
  readonly owner: string;
  /** Who would take over, in order. */
  readonly next: readonly string[];
  /** Nodes that answer for it now: more than one is a split brain. */
  readonly announcing: readonly string[];
}

/** The lab's hosts and processes. */
export interface LabStatus {
  readonly name: string;
  readonly profile: string;
  readonly ready: boolean;
  /** CLOCK_MONOTONIC of the machine the lab runs on, now: what `since` of {@link LabClient.timeline} takes. */
  readonly now_ns: string;
  readonly hosts: readonly {
    readonly name: string;
    readonly role: string;
    readonly lan_ip: string;
    readonly control_ip: string;
    readonly up: boolean;
  }[];
  readonly processes: readonly {
    readonly component: string;
    readonly host: string;
    readonly state: string;
    readonly restarts: number;
  }[];
}

/** How to measure; everything has a default. */
export interface MeasureOptions {
  /** Between two requests on each kind of connection, ms (10). */
  readonly intervalMs?: number;
  /** When a request counts as lost, ms (500). */
  readonly timeoutMs?: number;
  /** The measurement goes on until nothing was lost for this long, ms (2000). */
  readonly quietMs?: number;
  /** It ends by then after the action in any case, ms (120 000). */
  readonly limitMs?: number;
}

export class LabClient {
  readonly #endpoint: LabEndpoint;

  constructor(endpoint: LabEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Hosts and processes as they are now. */
  status(): Promise<LabStatus> {
    return this.#ask<LabStatus>('GET', '/v1/status');
  }

  /** A kubeconfig as the container itself uses it: its server is `https://127.0.0.1:6443`. */
  kubeconfig(): Promise<string> {
    return this.#ask<string>('GET', '/v1/kubeconfig');
  }

  /** All announced addresses. */
  vips(): Promise<Vip[]> {
    return this.#ask<Vip[]>('GET', '/v1/vips');
  }

  /** Where a Service is asked for. Rejects with a LabRequestError (404) when there is none. */
  async service(namespace: string, name: string, port?: number | string): Promise<ServiceAddress> {
    const query = port === undefined ? '' : `?port=${encodeURIComponent(port)}`;
    try {
      return await this.#ask<ServiceAddress>('GET', `/v1/services/${namespace}/${name}${query}`);
    } catch (error) {
      if (!(error instanceof LabRequestError) || error.status !== 404) throw error;
      throw new LabRequestError(`Service ${namespace}/${name} does not exist`, 404, { cause: error });
    }
  }

  /**
   * Applies manifests (YAML or JSON documents) server-side and waits until what they describe serves.
   * @param options.wait longest wait, seconds (60); 0 does not wait
   */
  async apply(manifests: string, options: { readonly wait?: number } = {}): Promise<void> {
    await this.#ask('POST', `/v1/manifests?wait=${options.wait ?? 60}`, manifests);
  }

  /** Breaks something, or brings it back. Targets as `svclab fault` takes them. */
  fault(verb: FaultVerb, target = '', options: FaultOptions = {}): Promise<FaultEffect> {
    return this.#ask<FaultEffect>(
      'POST',
      '/v1/faults',
      JSON.stringify({ verb, target, hold: options.hold === true, args: options.args }),
    );
  }

  /** What every process saw and did, in order, from `since` (`at_ns`) on. */
  timeline(since = '0'): Promise<TimelineEvent[]> {
    return this.#ask<TimelineEvent[]>('GET', `/v1/timeline?since_ns=${since}`);
  }

  /**
   * Asks `url` from the lab's client host all the while `action` runs and until the lab is quiet again.
   * `url` is an address as that host knows it (a load balancer's, a node's with a node port).
   */
  async measure(url: string, action: () => unknown, options: MeasureOptions = {}): Promise<MeasurementReport> {
    const { id } = await this.#ask<{ id: string }>(
      'POST',
      '/v1/measurements',
      JSON.stringify({ url, interval_ms: options.intervalMs, timeout_ms: options.timeoutMs }),
    );
    try {
      await action();
    } catch (error) {
      await this.#ask('DELETE', `/v1/measurements/${id}`);
      throw error;
    }
    return this.#ask<MeasurementReport>(
      'POST',
      `/v1/measurements/${id}/end`,
      JSON.stringify({ quiet_ms: options.quietMs, limit_ms: options.limitMs }),
    );
  }

  async #ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: string): Promise<T> {
    const { url, token } = this.#endpoint;
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        method,
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      throw new LabRequestError(`The lab at ${url} does not answer`, 0, { cause: error });
    }
    const text = await response.text();
    const json = response.headers.get('content-type')?.startsWith('application/json') === true;
    if (!response.ok)
      throw new LabRequestError(json ? (JSON.parse(text) as { error: string }).error : text, response.status);
    return (json ? JSON.parse(text) : text) as T;
  }
}
