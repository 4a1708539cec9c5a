// A Service by its name, resolved anew for every request: what clients feel of the cluster's DNS when servers die, answer late or lie. The
// time of the look-up is part of `http_req_blocked`.
//
//   svclab client -- ip route replace 10.96.0.0/16 via 172.30.0.11      # a way to ClusterIPs, through a node
//   svclab load loadtest/dns-under-load.js --env URL=http://frontend.shop.svc.cluster.local/hostname
//   svclab fault kill dns/1                                             # meanwhile
//
// URL          (http://frontend.shop.svc.cluster.local/hostname)      RATE         requests/s (30)      DURATION   (20s)
// TIMEOUT_MS   of a request with its look-up (2000)                   MAX_FAILED   share that may fail, 0 to 1 (0)
// P99_MS       bound of the look-up and whatever else comes before the connection (500)
import { check } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const RATE = Number(__ENV.RATE || 30);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 2000);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    names: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      timeUnit: '1s',
      duration: __ENV.DURATION || '20s',
      preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
      gracefulStop: '2s',
      tags: { target: 'name', conn: 'new' },
    },
  },
  noConnectionReuse: true,
  // k6 keeps an answer for five minutes otherwise.
  dns: { ttl: '0', select: 'random', policy: 'onlyIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    http_req_failed: [`rate<=${__ENV.MAX_FAILED || 0}`],
    http_req_blocked: [`p(99)<${__ENV.P99_MS || 500}`],
  },
};

/** Requests that failed for want of an address (k6's error codes 1100 to 1199). */
const unresolved = new Counter('dns_failures');

export default async function () {
  const url = __ENV.URL || 'http://frontend.shop.svc.cluster.local/hostname';
  const response = await http.asyncRequest('GET', url, null, { timeout: TIMEOUT_MS });
  check(response, { 'status is 200': (r) => r.status === 200 });
  if (response.error_code >= 1100 && response.error_code < 1200) unresolved.add(1);
}
