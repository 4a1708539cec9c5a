// A constant arrival rate through a VIP, set up so that a failover shows: every request on a connection of its own (or, with REUSE=1, on kept
// ones), a time-out well below TCP's first retransmission, names resolved anew each time, and enough virtual users that none is missed while
// requests wait. Plain k6 runs it as it is; so does `svclab load`.
//
//   svclab load loadtest/vip-failover.js --env URL=http://172.30.0.200/ --env RATE=50 --env DURATION=15s
import { check } from 'k6';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 50);
const DURATION = __ENV.DURATION || '15s';
// 300 ms: a SYN that is lost is repeated after 1 s, so a request that hits a dead node fails instead of waiting for the repeat.
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 300);
const REUSE = __ENV.REUSE === '1';
// Little's law: while all requests time out, RATE x TIMEOUT are under way at once. Twice that leaves room.
const VUS = Math.ceil((RATE * TIMEOUT_MS * 2) / 1000) + 2;

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    vip: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: VUS,
      gracefulStop: '2s',
      tags: { conn: REUSE ? 'reused' : 'new' },
    },
  },
  noConnectionReuse: !REUSE,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    // The generator kept its rate; what the failover cost is read from the report, not judged here.
    dropped_iterations: ['count<1'],
    http_req_failed: [__ENV.MAX_FAILED ? `rate<=${__ENV.MAX_FAILED}` : 'rate<1'],
  },
};

export default async function () {
  const response = await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/', null, { timeout: TIMEOUT_MS });
  check(response, { 'status is 200': (r) => r.status === 200 });
}
