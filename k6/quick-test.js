// Thirty seconds over everything: does it work, and is it quick when nothing else goes on?

import { SUMMARY, async, bulk, read, signIn, sync, thresholds } from './lib/skynet.js';

const steady = (exec, rate) => ({
  executor: 'constant-arrival-rate',
  exec,
  rate,
  timeUnit: '1s',
  duration: '30s',
  preAllocatedVUs: 10,
  maxVUs: 50,
});

export const options = {
  summaryTrendStats: SUMMARY,
  scenarios: {
    sync: steady('one', 20),
    async: steady('queued', 50),
    bulk: steady('many', 5),
    reads: steady('look', 20),
  },
  thresholds: thresholds({
    'http_req_duration{call:sync}': ['p(95)<50'],
    'http_req_duration{call:async}': ['p(95)<25'],
    'http_req_duration{call:bulk}': ['p(95)<50'],
    'http_req_duration{call:list}': ['p(95)<25'],
    'checks{call:sync}': ['rate==1'],
    'checks{call:async}': ['rate==1'],
    'checks{call:bulk}': ['rate==1'],
    dropped_iterations: ['count==0'],
  }),
};

export const setup = signIn;
export const one = sync;
export const queued = async;
export const many = (session) => bulk(session, 100);
export const look = (session) => read(session, '/api/v1/leads?limit=20', 'list');
