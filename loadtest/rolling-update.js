// A Deployment is rolled while its Service is in use, over new and over kept connections: neither may lose a request.
//
//   svclab load loadtest/rolling-update.js --env DURATION=30s
//   kubectl -n shop rollout restart deployment/frontend      # meanwhile
//
// URL          the Service, at a path that answers with the pod's name (http://172.30.0.200/hostname)
// RATE         requests/s of each kind (30)      DURATION   (30s)      TIMEOUT_MS   of a request (1000)
// MAX_FAILED   share that may fail, 0 to 1 (0)
import { check } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const RATE = Number(__ENV.RATE || 30);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);
const MAX_FAILED = Number(__ENV.MAX_FAILED || 0);

/** @type {(conn: string) => import('k6/options').Scenario} */
const scenario = (conn) => ({
  executor: 'constant-arrival-rate',
  exec: conn === 'new' ? 'newConnection' : 'keptConnection',
  rate: RATE,
  timeUnit: '1s',
  duration: __ENV.DURATION || '30s',
  preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
  gracefulStop: '2s',
  tags: { target: 'rolling', conn },
});

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: { new: scenario('new'), reused: scenario('reused') },
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    'http_req_failed{conn:new}': [`rate<=${MAX_FAILED}`],
    'http_req_failed{conn:reused}': [`rate<=${MAX_FAILED}`],
  },
};

/** Answers by pod: which pods took part, with `--out json=FILE`. */
const answers = new Counter('answers');

/** @type {(headers: Record<string, string>) => Promise<void>} */
async function ask(headers) {
  const url = __ENV.URL || 'http://172.30.0.200/hostname';
  const response = await http.asyncRequest('GET', url, null, { timeout: TIMEOUT_MS, headers });
  if (check(response, { 'status is 200': (r) => r.status === 200 }))
    answers.add(1, { pod: String(response.body).trim().split('\n')[0] || 'unknown' });
}

export const keptConnection = async () => ask({});
// A request that says so ends its connection: `noConnectionReuse` would do it for both scenarios.
export const newConnection = async () => ask({ Connection: 'close' });
