// How long a bulk list takes from its 202 until every lead of it is stored, and how many leads a second that makes.

import { check, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { SUMMARY, bulk, read, signIn, thresholds } from './lib/skynet.js';

const BULK_SIZE = Number(__ENV.BULK_SIZE || 1000);
const PATIENCE_MS = 30000;

const stored = new Counter('leads_stored');
const untilStored = new Trend('until_stored', true);

export const options = {
  summaryTrendStats: SUMMARY,
  scenarios: {
    batches: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS || 4),
      duration: __ENV.DURATION || '1m',
    },
  },
  thresholds: thresholds({
    'http_req_duration{call:bulk}': ['p(95)<500'],
    until_stored: ['p(95)<2000'],
    'checks{call:balance}': ['rate==1'],
  }),
};

export const setup = signIn;

export default function (session) {
  const began = Date.now();
  const answer = bulk(session, BULK_SIZE);
  if (answer.status !== 202) {
    return;
  }
  const path = `/api/v1/batches/${answer.json('processing_id')}`;
  let data;
  do {
    sleep(0.02);
    data = read(session, path, 'batch').json('data');
  } while (data && data.state !== 'finished' && Date.now() - began < PATIENCE_MS);
  untilStored.add(Date.now() - began);
  const counts = (data && data.counts) || {};
  stored.add(counts.stored || 0);
  check(
    counts,
    {
      'every lead of the batch is stored': (it) =>
        it.received === BULK_SIZE && it.stored === BULK_SIZE && it.pending === 0,
    },
    { call: 'balance' },
  );
}
