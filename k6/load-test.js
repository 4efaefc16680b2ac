// A working day in minutes: single leads, queued leads and bulk lists at rising rates, with readers beside them.

import { SUMMARY, async, bulk, read, signIn, sync, thresholds } from './lib/skynet.js';

// SYNC_RATE, ASYNC_RATE and BULK_RATE are requests a second at the plateau; BULK_SIZE is leads a request.
const rateOf = (name, fallback) => Number(__ENV[name] || fallback);
const SYNC_RATE = rateOf('SYNC_RATE', 100);
const ASYNC_RATE = rateOf('ASYNC_RATE', 300);
const BULK_RATE = rateOf('BULK_RATE', 10);
const BULK_SIZE = rateOf('BULK_SIZE', 100);
const PLATEAU = __ENV.PLATEAU || '2m';

const rising = (exec, rate) => ({
  executor: 'ramping-arrival-rate',
  exec,
  startRate: 17,
  timeUnit: '1s',
  preAllocatedVUs: 50,
  maxVUs: 400,
  stages: [
    { target: rate, duration: '30s' },
    { target: rate, duration: PLATEAU },
    { target: 0, duration: '10s' },
  ],
});

export const options = {
  summaryTrendStats: SUMMARY,
  scenarios: {
    sync: rising('one', SYNC_RATE),
    async: rising('queued', ASYNC_RATE),
    bulk: Object.assign(rising('many', BULK_RATE), { startRate: 1 }),
    reads: rising('look', 20),
  },
  thresholds: thresholds({
    'http_req_duration{call:sync}': ['p(90)<50', 'p(95)<100'],
    'http_req_duration{call:async}': ['p(90)<20', 'p(95)<50'],
    'http_req_duration{call:bulk}': ['p(90)<100', 'p(95)<200'],
    'http_req_duration{call:list}': ['p(95)<50'],
    'checks{call:sync}': ['rate>0.999'],
    'checks{call:async}': ['rate>0.999'],
    'checks{call:bulk}': ['rate>0.999'],
  }),
};

export const setup = signIn;
export const one = sync;
export const queued = async;
export const many = (session) => bulk(session, BULK_SIZE);
export const look = (session) => read(session, '/api/v1/leads?limit=20', 'list');
