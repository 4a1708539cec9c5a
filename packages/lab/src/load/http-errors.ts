/** k6's numbers and texts for requests without an answer (grafana.com/docs/k6, "Error codes"). */

/** Why a request brought no answer. */
export interface HttpFailure {
  readonly code: number;
  readonly error: string;
  /** It was broken off at the end of a scenario and does not count. */
  readonly interrupted: boolean;
}

const CODES: Readonly<Record<string, readonly [number, string]>> = {
  SVCLAB_TIMEOUT: [1050, 'request timeout'],
  ENOTFOUND: [1101, 'lookup: no such host'],
  ENODATA: [1101, 'lookup: no such host'],
  EAI_AGAIN: [1100, 'lookup: temporary failure in name resolution'],
  ESERVFAIL: [1100, 'lookup: server misbehaving'],
  EREFUSED: [1100, 'lookup: server misbehaving'],
  ETIMEOUT: [1100, 'lookup: i/o timeout'],
  ECANCELLED: [1100, 'lookup: cancelled'],
  ECONNREFUSED: [1212, 'dial: connection refused'],
  EHOSTUNREACH: [1210, 'dial: no route to host'],
  ENETUNREACH: [1210, 'dial: network is unreachable'],
  ETIMEDOUT: [1211, 'dial: i/o timeout'],
  UND_ERR_CONNECT_TIMEOUT: [1211, 'dial: i/o timeout'],
  ECONNRESET: [1220, 'read: connection reset by peer'],
  UND_ERR_SOCKET: [1220, 'read: connection closed by the peer'],
  EPIPE: [1201, 'write: broken pipe'],
};

/** Classes an error by its code, looking through causes. */
export function httpFailure(error: unknown): HttpFailure {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    const code = (e as NodeJS.ErrnoException).code ?? '';
    if (code === 'SVCLAB_INTERRUPTED') return { code: 0, error: 'interrupted', interrupted: true };
    const known = CODES[code];
    if (known) return { code: known[0], error: known[1], interrupted: false };
  }
  return { code: 1000, error: error instanceof Error ? error.message : String(error), interrupted: false };
}
