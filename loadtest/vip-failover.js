// A constant arrival rate through a VIP, set up so that a failover shows: every request on a connection of its own (or, with REUSE=1, on kept
// ones), a time-out well below TCP's first retransmission, names resolved anew each time, and enough virtual users that none is missed while
// requests wait. Plain k6 runs it as it is; so does `svclab load`.
//
//   svclab load loadtest/vip-failover.js --env URL=http://172.30.0.200/ --env RATE=50 --env DURATION=15s
//   svclab fault kill owner/shop/frontend            # meanwhile
//
// URL          the LoadBalancer address (http://172.30.0.200/)      RATE       requests/s (50)      DURATION   (15s)
// TIMEOUT_MS   of a request (300)     REUSE   1: kept connections     MAX_FAILED   share of failures that is still a success, 0 to 1
// FAULT_AT     seconds from the start to the fault, RECOVERED_AT to the time nothing may fail any more: requests are then tagged with their
//              phase (before, during, after), and none may fail before and after
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 50);
const DURATION = __ENV.DURATION || '15s';
// 300 ms: a SYN that is lost is repeated after 1 s, so a request that hits a dead node fails instead of waiting for the repeat.
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 300);
const REUSE = __ENV.REUSE === '1';
const FAULT_AT = Number(__ENV.FAULT_AT || 'Infinity');
const RECOVERED_AT = Number(__ENV.RECOVERED_AT || 'Infinity');
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
      tags: { target: 'vip', conn: REUSE ? 'reused' : 'new' },
    },
  },
  noConnectionReuse: !REUSE,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    // The generator kept its rate; what the failover cost is read from the report, not judged here.
    dropped_iterations: ['count==0'],
    http_req_failed: [__ENV.MAX_FAILED ? `rate<=${__ENV.MAX_FAILED}` : 'rate<1'],
    ...(__ENV.FAULT_AT ? { 'http_req_failed{phase:before}': ['rate==0'] } : {}),
    ...(__ENV.RECOVERED_AT ? { 'http_req_failed{phase:after}': ['rate==0'] } : {}),
  },
};

export default async function () {
  const seconds = exec.instance.currentTestRunDuration / 1000;
  const phase = seconds < FAULT_AT ? 'before' : seconds < RECOVERED_AT ? 'during' : 'after';
  const response = await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/', null, {
    timeout: TIMEOUT_MS,
    tags: { phase },
  });
  check(response, { 'status is 200': (r) => r.status === 200 }, { phase });
}
