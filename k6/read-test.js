// Lists, pages, filters, search, one lead, totals: what readers do, with the answers kept and not kept.

import http from 'k6/http';
import { check, fail } from 'k6';
import { BASE_URL, SUMMARY, bulk, headersOf, read, signIn, thresholds } from './lib/skynet.js';

export const options = {
  summaryTrendStats: SUMMARY,
  scenarios: {
    readers: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS || 8),
      duration: __ENV.DURATION || '30s',
    },
  },
  thresholds: thresholds({
    'http_req_duration{call:list}': ['p(95)<20'],
    'http_req_duration{call:by cursor}': ['p(95)<20'],
    'http_req_duration{call:by status}': ['p(95)<20'],
    'http_req_duration{call:by email}': ['p(95)<20'],
    'http_req_duration{call:search}': ['p(95)<50'],
    'http_req_duration{call:one lead}': ['p(95)<20'],
    'http_req_duration{call:stats}': ['p(95)<20'],
    'http_req_duration{call:not modified}': ['p(95)<20'],
    checks: ['rate==1'],
  }),
};

// Makes sure that there is something to read.
export function setup() {
  const session = signIn();
  const answer = http.get(`${BASE_URL}/api/v1/leads?limit=1`, { headers: headersOf(session) });
  if (answer.status !== 200) {
    fail(`cannot list leads: status ${answer.status}`);
  }
  if (answer.json('pagination.total') < 500) {
    for (let request = 0; request < 5; request += 1) {
      bulk(session, 100);
    }
  }
  return session;
}

export default function (session) {
  const first = read(session, '/api/v1/leads?limit=20', 'list');
  if (first.status !== 200) {
    return;
  }
  const lead = first.json('data.0');
  const cursor = first.json('pagination.next_cursor');
  if (cursor) {
    read(session, `/api/v1/leads?limit=20&cursor=${encodeURIComponent(cursor)}`, 'by cursor');
  }
  read(session, '/api/v1/leads?limit=20&status=active', 'by status');
  read(session, '/api/v1/stats', 'stats');
  if (lead) {
    read(session, `/api/v1/leads?email=${encodeURIComponent(lead.email)}`, 'by email');
    read(session, `/api/v1/leads?search=${encodeURIComponent(lead.lastName.slice(0, 5))}`, 'search');
    read(session, `/api/v1/leads/${lead.id}`, 'one lead');
  }
  const again = http.get(`${BASE_URL}/api/v1/leads?limit=20`, {
    headers: headersOf(session, { 'If-None-Match': first.headers.Etag || '' }),
    responseCallback: http.expectedStatuses(200, 304),
    tags: { call: 'not modified', name: 'not modified' },
  });
  check(again, { 'a known page is 304, or 200 when it changed': (it) => [200, 304].includes(it.status) });
}
