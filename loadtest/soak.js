// A long quiet load: nothing may fail, and the last tenth of the time must not be slower than the first by more than a factor, which is how
// leaks and growing tables show.
//
//   svclab load loadtest/soak.js --env DURATION=2h
//
// URL        (http://172.30.0.200/)      RATE       requests/s (20)      DURATION   (1h)      TIMEOUT_MS   of a request (1000)
// P99_MS     bound of the first tenth (250)         GROWTH     factor for the last tenth (2)       MAX_FAILED   share that may fail (0)
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 20);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);
const P99_MS = Number(__ENV.P99_MS || 250);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '1h',
      preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
      gracefulStop: '2s',
      tags: { target: 'service', conn: 'reused' },
    },
  },
  discardResponseBodies: true,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    // Hours of a broken Service teach nothing: end it.
    http_req_failed: [{ threshold: `rate<=${__ENV.MAX_FAILED || 0}`, abortOnFail: true, delayAbortEval: '10s' }],
    'http_req_duration{phase:first}': [`p(99)<${P99_MS}`],
    'http_req_duration{phase:last}': [`p(99)<${P99_MS * Number(__ENV.GROWTH || 2)}`],
  },
};

export default async function () {
  const { progress } = exec.scenario;
  const phase = progress < 0.1 ? 'first' : progress < 0.9 ? 'middle' : 'last';
  const response = await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/', null, {
    timeout: TIMEOUT_MS,
    tags: { phase },
  });
  check(response, { 'status is 200': (r) => r.status === 200 });
}
