// Half an hour at one rate: nothing may grow, neither waits nor errors. Memory, handles and queue depth are
// for the operator's metrics; the depth is also looked at from here.

import { check, sleep } from 'k6';
import { Trend } from 'k6/metrics';
import { SUMMARY, async, bulk, read, signIn, sync, thresholds } from './lib/skynet.js';

const DURATION = __ENV.DURATION || '30m';
const READY_MAX = Number(__ENV.READY_MAX || 2000);

const ready = new Trend('messages_ready');

const steady = (exec, rate) => ({
  executor: 'constant-arrival-rate',
  exec,
  rate,
  timeUnit: '1s',
  duration: DURATION,
  preAllocatedVUs: 50,
  maxVUs: 200,
});

export const options = {
  summaryTrendStats: SUMMARY,
  scenarios: {
    sync: steady('one', Number(__ENV.SYNC_RATE || 50)),
    async: steady('queued', Number(__ENV.ASYNC_RATE || 200)),
    bulk: steady('many', Number(__ENV.BULK_RATE || 20)),
    reads: steady('look', 20),
    depth: { executor: 'constant-vus', exec: 'watch', vus: 1, duration: DURATION },
  },
  thresholds: thresholds({
    'http_req_duration{call:sync}': ['p(95)<100'],
    'http_req_duration{call:async}': ['p(95)<50'],
    'http_req_duration{call:bulk}': ['p(95)<200'],
    'http_req_duration{call:list}': ['p(95)<50'],
    http_req_failed: ['rate<0.0001'],
    messages_ready: [`max<${READY_MAX}`],
  }),
};

// A token lasts an hour unless the server says otherwise, so one sign-in is enough for the default run.
export const setup = signIn;
export const one = sync;
export const queued = async;
export const many = (session) => bulk(session, 100);
export const look = (session) => read(session, '/api/v1/leads?limit=20', 'list');

export function watch(session) {
  const data = read(session, '/api/v1/queue', 'queue').json('data');
  const queues = (data && (data.queues || data)) || [];
  const waiting = queues.reduce((sum, it) => sum + (it.ready || 0), 0);
  check(queues, { 'queues are listed': (it) => it.length > 0 }, { call: 'queue' });
  ready.add(waiting);
  sleep(1);
}
