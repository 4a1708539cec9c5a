// As many requests as a few virtual users can make on kept connections: for comparing two ways to the same server, never for absolute figures.
//
//   svclab load loadtest/throughput.js --env URL=http://172.30.0.200/ --env VUS=8 --env DURATION=5s
import http from 'k6/http';

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    throughput: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS || 8),
      duration: __ENV.DURATION || '5s',
      gracefulStop: '2s',
    },
  },
  discardResponseBodies: true,
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
  thresholds: { http_req_failed: ['rate==0'] },
};

export default async function () {
  await http.asyncRequest('GET', __ENV.URL || 'http://172.30.0.200/', null, { timeout: 2000 });
}
