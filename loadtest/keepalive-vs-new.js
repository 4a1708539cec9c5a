// The same Service over kept and over new connections, side by side: what a connection costs, and that a backend is chosen per connection, so
// that kept ones do not spread.
//
//   svclab load loadtest/keepalive-vs-new.js --env URL=http://172.30.0.200/hostname
//
// URL        (http://172.30.0.200/hostname)      RATE         requests/s of each kind (50)      DURATION   (15s)
// TIMEOUT_MS of a request (1000)                 MAX_FAILED   share that may fail, 0 to 1 (0)    P99_MS   bound of the latency (250)
//
// `noConnectionReuse` is an option of the whole script, so the new ones say `Connection: close` instead: k6 and the built-in host then end
// the connection with the answer. That each request of `new` connects and most of `reused` do not is itself a threshold.
import { check } from 'k6';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 50);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);
const P99_MS = Number(__ENV.P99_MS || 250);
const MAX_FAILED = Number(__ENV.MAX_FAILED || 0);

/** @type {(name: string, conn: string) => import('k6/options').Scenario} */
const scenario = (name, conn) => ({
  executor: 'constant-arrival-rate',
  exec: name,
  rate: RATE,
  timeUnit: '1s',
  duration: __ENV.DURATION || '15s',
  preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
  gracefulStop: '2s',
  tags: { target: 'service', conn },
});

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: { reused: scenario('keptConnection', 'reused'), new: scenario('newConnection', 'new') },
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    'http_req_failed{conn:reused}': [`rate<=${MAX_FAILED}`],
    'http_req_failed{conn:new}': [`rate<=${MAX_FAILED}`],
    'http_req_duration{conn:reused}': [`p(99)<${P99_MS}`],
    'http_req_duration{conn:new}': [`p(99)<${P99_MS}`],
    'http_req_connecting{conn:reused}': ['med==0'],
    'http_req_connecting{conn:new}': ['med>0'],
  },
};

/** @type {(headers: Record<string, string>) => Promise<void>} */
async function ask(headers) {
  const url = __ENV.URL || 'http://172.30.0.200/hostname';
  const response = await http.asyncRequest('GET', url, null, { timeout: TIMEOUT_MS, headers });
  check(response, { 'status is 200': (r) => r.status === 200 });
}

export const keptConnection = async () => ask({});
export const newConnection = async () => ask({ Connection: 'close' });
