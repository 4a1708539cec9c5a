// A sudden rush: from a low rate up to a peak within a second, held, and back. The rate is kept whatever the Service does with it.
//
//   svclab load loadtest/spike.js --env PEAK=500
//
// URL          (http://172.30.0.200/hostname)      RATE   requests/s before and after (20)      PEAK   requests/s in the spike (200)
// HOLD         of the peak (10s)                   QUIET  before and after it (5s)              TIMEOUT_MS   of a request (1000)
// MAX_FAILED   share that may fail, 0 to 1 (0)     P99_MS bound of the latency once it is over (250)
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 20);
const PEAK = Number(__ENV.PEAK || 200);
const HOLD = __ENV.HOLD || '10s';
const QUIET = __ENV.QUIET || '5s';
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: RATE,
      timeUnit: '1s',
      stages: [
        { duration: QUIET, target: RATE },
        { duration: '1s', target: PEAK },
        { duration: HOLD, target: PEAK },
        { duration: '1s', target: RATE },
        { duration: QUIET, target: RATE },
      ],
      // For the peak: k6 makes at most one more at a time once it runs.
      preAllocatedVUs: Math.ceil((PEAK * TIMEOUT_MS * 1.2) / 1000) + 2,
      gracefulStop: '2s',
      tags: { target: 'service', conn: 'new' },
    },
  },
  noConnectionReuse: true,
  discardResponseBodies: true,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    http_req_failed: [`rate<=${__ENV.MAX_FAILED || 0}`],
    'http_req_duration{phase:after}': [`p(99)<${__ENV.P99_MS || 250}`],
  },
};

/** Seconds of `5s`, `1m` or `500ms`. @param {string} text */
const seconds = (text) => Number.parseFloat(text) * (text.endsWith('ms') ? 0.001 : text.endsWith('m') ? 60 : 1);
const PEAK_FROM = seconds(QUIET);
const PEAK_TO = PEAK_FROM + 2 + seconds(HOLD);

export default async function () {
  const at = (Date.now() - exec.scenario.startTime) / 1000;
  const phase = at < PEAK_FROM ? 'before' : at < PEAK_TO ? 'during' : 'after';
  const response = await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/hostname', null, {
    timeout: TIMEOUT_MS,
    tags: { phase },
  });
  check(response, { 'status is 200': (r) => r.status === 200 });
}
