// Clients of a NodePort that know several nodes, which is what takes the place of a VIP where there is none. Two kinds at once: a client that
// keeps to one node and moves on when a request to it fails, and one that takes each node in turn and so meets the dead one again and again.
//
//   svclab load loadtest/nodeport-failover.js --env NODES=172.30.0.11,172.30.0.12,172.30.0.13 --env PORT=30080
//   svclab fault kill node/node-2                    # meanwhile
//
// NODES        addresses, with commas (172.30.0.11,172.30.0.12,172.30.0.13)      PORT   the node port (30080)      URL_PATH   (/)
// RATE         requests/s of each kind (25)      DURATION   (20s)      TIMEOUT_MS   of a request (500)
// RETRY        1: what failed is asked of the next node at once, as a careful client does; the iteration then fails only with that
// MAX_FAILED   share of iterations that may fail in the end, 0 to 1 (1)
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Rate } from 'k6/metrics';

const NODES = (__ENV.NODES || '172.30.0.11,172.30.0.12,172.30.0.13').split(',');
const URL_PATH = __ENV.URL_PATH || '/';
const RATE = Number(__ENV.RATE || 25);
const TIMEOUT_MS = Number(__ENV.TIMEOUT_MS || 500);
const RETRY = __ENV.RETRY === '1';
// Each attempt may take its whole time-out.
const VUS = Math.ceil((RATE * TIMEOUT_MS * (RETRY ? 2 : 1) * 1.2) / 1000) + 2;

/** @type {(name: string, target: string) => import('k6/options').Scenario} */
const scenario = (name, target) => ({
  executor: 'constant-arrival-rate',
  exec: name,
  rate: RATE,
  timeUnit: '1s',
  duration: __ENV.DURATION || '20s',
  preAllocatedVUs: VUS,
  gracefulStop: '2s',
  tags: { target, conn: 'new' },
});

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: { sticky: scenario('sticky', 'sticky'), roundrobin: scenario('roundRobin', 'roundrobin') },
  noConnectionReuse: true,
  dns: { ttl: '0', select: 'random', policy: 'preferIPv4' },
  thresholds: {
    dropped_iterations: ['count==0'],
    'client_failed{target:sticky}': [`rate<=${__ENV.MAX_FAILED || 1}`],
    'client_failed{target:roundrobin}': [`rate<=${__ENV.MAX_FAILED || 1}`],
  },
};

/** How often a client that keeps to a node left it. */
const moves = new Counter('node_moves');
/** Iterations that brought their client no answer. */
const failed = new Rate('client_failed');

/** @type {(node: number) => Promise<boolean>} */
async function ask(node) {
  const address = NODES[node % NODES.length];
  const url = `http://${address}:${__ENV.PORT || 30080}${URL_PATH}`;
  const response = await http.asyncRequest('GET', url, null, { timeout: TIMEOUT_MS, tags: { node: `${address}` } });
  return check(response, { 'status is 200': (r) => r.status === 200 });
}

// Each virtual user is a client of its own; together they begin on all nodes.
let current = -1;

export async function sticky() {
  if (current < 0) current = exec.vu.idInTest;
  let ok = await ask(current);
  if (!ok) {
    moves.add(1);
    current++;
    if (RETRY) ok = await ask(current);
  }
  failed.add(!ok);
}

export async function roundRobin() {
  const turn = exec.scenario.iterationInTest;
  failed.add(!((await ask(turn)) || (RETRY && (await ask(turn + 1)))));
}
