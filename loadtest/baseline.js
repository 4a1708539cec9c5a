// What Services do when nothing is broken, by type: no request may fail, none may be dropped, and the latency has to stay within its bound.
//
//   svclab load loadtest/baseline.js
//   svclab load loadtest/baseline.js --env NODEPORT_URL=http://172.30.0.11:30080/ --env CLUSTERIP_URL=http://10.96.202.158/
//
// URL             the LoadBalancer address (http://172.30.0.200/); empty for none
// NODEPORT_URL    a node's address and the node port, whichever node: reached over the LAN
// CLUSTERIP_URL   a ClusterIP (`kubectl get svc`) as a pod or node sees it: the client needs a way there, through a node:
//                 svclab client -- ip route replace 10.96.0.0/16 via 172.30.0.11
// RATE            requests/s for each of them (50)          DURATION   (10s)
// TIMEOUT_MS      of a request (1000)                       P99_MS     bound of the latency (250)
import { check } from 'k6';
import http from 'k6/http';

const RATE = Number(__ENV.RATE || 50);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 1000);
const P99_MS = Number(__ENV.P99_MS || 250);

/** @type {[string, string][]} */
const all = [
  ['loadbalancer', __ENV.URL === undefined ? 'http://172.30.0.200/' : __ENV.URL],
  ['nodeport', __ENV.NODEPORT_URL || ''],
  ['clusterip', __ENV.CLUSTERIP_URL || ''],
];
const targets = all.filter(([, url]) => url !== '');

/** @type {(target: string, url: string) => import('k6/options').Scenario} */
const scenario = (target, url) => ({
  executor: 'constant-arrival-rate',
  rate: RATE,
  timeUnit: '1s',
  duration: __ENV.DURATION || '10s',
  // Little's law: should every request take its whole time-out, this many are under way at once.
  preAllocatedVUs: Math.ceil((RATE * TIMEOUT_MS * 1.2) / 1000) + 2,
  gracefulStop: '2s',
  env: { TARGET_URL: url },
  tags: { target, conn: 'reused' },
});

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: Object.fromEntries(targets.map(([target, url]) => [target, scenario(target, url)])),
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    ...Object.fromEntries(
      targets.flatMap(([target]) => [
        [`checks{target:${target}}`, ['rate==1']],
        [`http_req_failed{target:${target}}`, ['rate==0']],
        [`http_req_duration{target:${target}}`, [`p(99)<${P99_MS}`]],
      ]),
    ),
  },
};

export default async function () {
  const response = await http.asyncRequest('GET', __ENV.TARGET_URL, null, { timeout: TIMEOUT_MS });
  check(response, { 'status is 200': (r) => r.status === 200 });
}
