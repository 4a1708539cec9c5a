// What a Service does when nothing is broken: no request may fail, and the latency has to stay within its bound.
//
//   svclab load loadtest/baseline.js --env URL=http://172.30.0.200/ --env RATE=50 --env DURATION=10s
import { check } from 'k6';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const RATE = Number(__ENV.RATE || 50);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    baseline: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '10s',
      preAllocatedVUs: Math.ceil(RATE / 5) + 2,
      maxVUs: RATE + 2,
      gracefulStop: '2s',
    },
  },
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    checks: ['rate==1'],
    dropped_iterations: ['count<1'],
    http_req_failed: ['rate==0'],
    http_req_duration: [`p(99)<${__ENV.P99_MS || 250}`],
  },
};

const bodySize = new Trend('body_size');

export default async function () {
  const response = await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/', null, { timeout: 1000 });
  check(response, { 'status is 200': (r) => r.status === 200 });
  bodySize.add(typeof response.body === 'string' ? response.body.length : 0);
}
