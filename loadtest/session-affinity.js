// A Service with `sessionAffinity: ClientIP`: all of one client's connections go to one pod, however many it opens and whichever virtual user
// opens them. A moved backend is a failed check.
//
//   svclab load loadtest/session-affinity.js --env URL=http://172.30.0.201/hostname
//
// URL          the Service, at a path that answers with the pod's name (http://172.30.0.200/hostname)
// RATE         connections/s (30)      DURATION   (20s)      TIMEOUT_MS   of a request (1000)
// MAX_MOVED    share of answers that may come from another pod than the first, 0 to 1 (0); for runs in which that pod is killed
import { check, fail } from 'k6';
import http from 'k6/http';
import { Rate } from 'k6/metrics';

const URL = __ENV.URL || 'http://172.30.0.200/hostname';
const RATE = Number(__ENV.RATE || 30);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    affinity: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '20s',
      preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
      gracefulStop: '2s',
      tags: { target: 'affinity', conn: 'new' },
    },
  },
  noConnectionReuse: true,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    'http_req_failed{target:affinity}': ['rate==0'],
    backend_moved: [`rate<=${__ENV.MAX_MOVED || 0}`],
  },
};

/** Answers of another pod than the first one's. */
const moved = new Rate('backend_moved');

/** @type {() => Promise<{status: number, pod: string}>} */
async function ask() {
  const { status, body } = await http.asyncRequest('GET', URL, null, { timeout: TIMEOUT_MS });
  return {
    status,
    pod:
      String(body || '')
        .trim()
        .split('\n')[0] || '',
  };
}

export async function setup() {
  const first = await ask();
  if (first.status !== 200) fail(`${URL} answers ${first.status} before the run: give a Service that is there as URL`);
  return { pod: first.pod };
}

/** @param {{pod: string}} data */
export default async function (data) {
  const answer = await ask();
  check(answer, { 'status is 200': (a) => a.status === 200 });
  // No answer is no other pod's answer.
  if (answer.status === 200) moved.add(answer.pod !== data.pod);
}
