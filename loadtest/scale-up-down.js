// Replicas come and go under load: no request may be lost when they go, and those that came take their share.
//
//   svclab load loadtest/scale-up-down.js --env DURATION=30s
//   kubectl -n shop scale deployment/frontend --replicas 6   # meanwhile, and back to 2
//
// URL          the Service, at a path that answers with the pod's name (http://172.30.0.200/hostname)
// RATE         requests/s (50)      DURATION   (30s)      TIMEOUT_MS   of a request (1000)
// MAX_FAILED   share that may fail, 0 to 1 (0)      MIN_SHARE_OK   least share of answers that name a pod (1)
import { check } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const RATE = Number(__ENV.RATE || 50);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    scale: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '30s',
      preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
      gracefulStop: '2s',
      tags: { target: 'scale', conn: 'new' },
    },
  },
  // New pods get new connections only.
  noConnectionReuse: true,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    http_req_failed: [`rate<=${__ENV.MAX_FAILED || 0}`],
    checks: [`rate>=${__ENV.MIN_SHARE_OK || 1}`],
  },
};

/** Answers by pod: who took which share, with `--out json=FILE`. */
const answers = new Counter('answers');
/** Pods this virtual user has met. */
const pods = new Set();
const met = new Counter('pods_met');

export default async function () {
  const url = __ENV.URL || 'http://172.30.0.200/hostname';
  const response = await http.asyncRequest('GET', url, null, { timeout: TIMEOUT_MS });
  const pod =
    String(response.body || '')
      .trim()
      .split('\n')[0] || '';
  if (!check(response, { 'a pod answers': (r) => r.status === 200 && pod !== '' })) return;
  answers.add(1, { pod });
  if (pods.has(pod)) return;
  pods.add(pod);
  met.add(1);
}
