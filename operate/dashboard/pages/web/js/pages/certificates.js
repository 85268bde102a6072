// Certificates as a timeline: from when until when each is good, and where today is.

import { h, said } from '../dom.js';
import { t, known } from '../text.js';
import { get, query } from '../api.js';
import { day, ago, date } from '../format.js';
import * as table from '../table.js';

export async function show(content, { signal }) {
  const rows = await all(signal);
  const axis = scale(rows);
  const list = table.make({
    caption: t('certificates.all'), rowKey: (c) => c.kind + '\n' + c.name + '\n' + (c.serials || []).join(' '), sort: 'until', search: (c) => [c.name, ...(c.serials || []), t('kind.' + c.kind)].join(' '),
    columns: [
      { key: 'name', label: t('certificate.name'), order: (c) => c.name, show: (c) => [said(c.name, 80), h('div', { class: 'minor' }, known('kind.' + c.kind) ? t('kind.' + c.kind) : said(c.kind))] },
      { key: 'from', label: t('certificate.from'), order: (c) => c.from || '', show: (c) => dated(c.from) },
      { key: 'until', label: t('certificate.until'), order: (c) => c.until || '9', show: (c) => [dated(c.until), h('div', { class: 'minor nowrap' }, ago(c.until))] },
      { key: 'state', label: t('user.state'), order: (c) => c.until || '9', show: (c) => mark(c) },
      { key: 'line', label: t('certificate.line'), show: (c) => line(c, axis) },
    ],
    empty: h('p', {}, t('certificates.empty')),
  });
  content.append(h('p', { class: 'hint' }, t('certificates.axis', { from: day(new Date(axis.from).toISOString()), until: day(new Date(axis.until).toISOString()) })), list.element);
  list.element.classList.add('timeline');
  list.set(rows);
}

// all asks for all certificates, page after page.
async function all(signal) {
  const rows = [];
  for (let after = ''; ;) {
    const answer = await get('/v1/certificates' + query({ after }), signal);
    if (!after) rows.push(...(answer.server || []));
    rows.push(...(answer.clients || []));
    if (!answer.next || answer.next === after) return rows;
    after = answer.next;
  }
}

// scale is the time that the pictures show: from three months ago to an end that four of five
// do not pass. Pictures of those that do end at the edge.
function scale(rows) {
  const now = Date.now();
  const ends = rows.map((c) => date(c.until)?.getTime()).filter(Boolean).sort((a, b) => a - b);
  const most = ends.length ? ends[Math.floor((ends.length - 1) * 0.8)] : now;
  return { now, from: now - 90 * 86400e3, until: Math.max(most, now + 90 * 86400e3) };
}

function dated(text) {
  return h('time', { datetime: text, class: 'nowrap' }, day(text));
}

const marks = { valid: 'good', expiring: 'warn', expired: 'bad', revoked: 'bad', untrusted: 'bad' };

function mark(c) {
  return [h('span', { class: 'tag ' + (marks[c.state] || '') }, known('certificate.' + c.state) ? t('certificate.' + c.state) : said(c.state)),
    c.mend ? h('div', { class: 'minor' }, h('code', {}, said(c.mend, 200))) : null];
}

function line(c, axis) {
  const place = (ms) => Math.min(100, Math.max(0, ((ms - axis.from) / (axis.until - axis.from)) * 100));
  const from = place(date(c.from)?.getTime() ?? axis.from);
  const until = place(date(c.until)?.getTime() ?? axis.until);
  const now = place(axis.now);
  return h('svg', { class: 'bar span', role: 'img', 'aria-label': t('certificate.span', { from: day(c.from), until: day(c.until) }), width: '100%', height: 14 },
    h('rect', { class: 'track', x: 0, y: 6, width: '100%', height: 2 }),
    h('rect', { class: 'part ' + (marks[c.state] || ''), x: from + '%', y: 2, width: Math.max(0.5, until - from) + '%', height: 10, rx: 2 }),
    h('rect', { class: 'today', x: now + '%', y: 0, width: 2, height: 14 }));
}
