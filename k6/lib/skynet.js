// What every script needs of the API: where it is, a token, and leads that nobody sent before.

import http from 'k6/http';
import { check, fail } from 'k6';

export const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:8001').replace(/\/+$/, '');
const USERNAME = __ENV.SKYNET_USERNAME || 'admin';
const PASSWORD = __ENV.SKYNET_PASSWORD || 'password';

// Percentiles that the summary shows, beside k6's own.
export const SUMMARY = ['avg', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'];

// Signs in once for all virtual users; sign-ins are throttled by name and address.
export function signIn() {
  const answer = http.post(
    `${BASE_URL}/api/v1/login`,
    JSON.stringify({ username: USERNAME, password: PASSWORD }),
    { headers: { 'Content-Type': 'application/json' }, tags: { call: 'login' } },
  );
  if (answer.status !== 200) {
    fail(`cannot sign in at ${BASE_URL}: status ${answer.status}`);
  }
  // What makes the leads of this run different from those of every other run.
  const run = `${Date.now().toString(36)}${Math.floor(Math.random() * 36 ** 4).toString(36)}`;
  return { token: answer.json('user.token'), run };
}

export function headersOf(session, more) {
  return Object.assign(
    { Authorization: `Bearer ${session.token}`, 'Content-Type': 'application/json' },
    more || {},
  );
}

const FIRST_NAMES = ['Ada', 'Björn', 'Chloé', 'Dmitri', 'Elif', 'Fumiko', 'Grace', 'Håkon'];
const LAST_NAMES = ['Lovelace', 'García', "O'Neill", 'Şahin', 'Müller', 'Nguyễn', 'Okafor'];
const SOURCES = ['web', 'fair', 'referral', 'campaign'];

// Leads that this virtual user made; with its number (0 in setup) that is unique in a run.
let made = 0;

// A lead with 7 attributes of all common types.
export function uniqueLead(session) {
  made += 1;
  return {
    firstName: FIRST_NAMES[made % FIRST_NAMES.length],
    lastName: LAST_NAMES[made % LAST_NAMES.length],
    email: `${session.run}-${__VU}-${made}@load.example.com`,
    phone: '+1 555 0100',
    dateOfBirth: '1990-05-15',
    source: SOURCES[made % SOURCES.length],
    budget: 1000 + (made % 9000),
    score: 0.5,
    newsletter: made % 2 === 0,
    company: `Company ${made % 500}`,
    interested_since: '2026-01-31',
    note: 'asked for an offer by telephone',
  };
}

export function uniqueLeads(session, count) {
  return Array.from({ length: count }, () => uniqueLead(session));
}

// Each call has one status that means success; everything else is an error of the run.
export function submit(session, path, body, status, call) {
  const answer = http.post(`${BASE_URL}${path}`, JSON.stringify(body), {
    headers: headersOf(session),
    tags: { call },
  });
  check(answer, { [`${call} is ${status}`]: (it) => it.status === status }, { call });
  return answer;
}

export function sync(session) {
  return submit(session, '/api/v1/lead/process', uniqueLead(session), 201, 'sync');
}

export function async(session) {
  return submit(session, '/api/v1/lead/process-async', uniqueLead(session), 202, 'async');
}

export function bulk(session, size) {
  const body = { leads: uniqueLeads(session, size), batch_size: Math.min(size, 1000) };
  return submit(session, '/api/v1/leads/process-bulk', body, 202, 'bulk');
}

export function read(session, path, call) {
  const answer = http.get(`${BASE_URL}${path}`, {
    headers: headersOf(session),
    tags: { call, name: call },
  });
  check(answer, { [`${call} is 200`]: (it) => it.status === 200 }, { call });
  return answer;
}

// The bounds that every run has to keep, whatever else it asks for.
export function thresholds(more) {
  return Object.assign(
    {
      http_req_failed: ['rate<0.05'],
      checks: ['rate>0.95'],
      http_req_duration: ['p(90)<500', 'p(95)<1000'],
    },
    more || {},
  );
}
