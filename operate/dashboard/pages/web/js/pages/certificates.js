// Certificates as a timeline: from when until when each is good, and where today is.

import { h, said } from '../dom.js';
import { t, known } from '../text.js';
import { get } from '../api.js';
import { day, ago, date } from '../format.js';
import * as table from '../table.js';

export async function show(content, { signal }) {
  const rows = flat(await get('/v1/certificates', signal));
  const axis = scale(rows);
  const list = table.make({
    caption: t('certificates.all'), rowKey: (c) => c.kind + '\n' + c.name + '\n' + (c.serial || ''), sort: 'until', search: (c) => [c.name, c.serial, t('kind.' + c.kind)].join(' '),
    columns: [
      { key: 'name', label: t('certificate.name'), order: (c) => c.name, show: (c) => [said(c.name, 80), h('div', { class: 'minor' }, known('kind.' + c.kind) ? t('kind.' + c.kind) : said(c.kind))] },
      { key: 'from', label: t('certificate.from'), order: (c) => c.from || '', show: (c) => day(c.from) },
      { key: 'until', label: t('certificate.until'), order: (c) => c.until || '9', show: (c) => [day(c.until), h('div', { class: 'minor' }, ago(c.until))] },
      { key: 'state', label: t('user.state'), order: (c) => c.until || '9', show: (c) => mark(c) },
      { key: 'line', label: t('certificate.line'), show: (c) => line(c, axis) },
    ],
    empty: h('p', {}, t('certificates.empty')),
  });
  content.append(h('p', { class: 'hint' }, t('certificates.axis', { from: day(new Date(axis.from).toISOString()), until: day(new Date(axis.until).toISOString()) })), list.element);
  list.element.classList.add('timeline');
  list.set(rows);
}

// flat makes one list of what the server has in groups.
function flat(answer) {
  const rows = [];
  for (const [group, value] of Object.entries(answer)) {
    for (const c of Array.isArray(value) ? value : value && typeof value === 'object' ? [value] : []) {
      if (!c || (!c.until && !c.from)) continue;
      rows.push({ ...c, kind: c.kind || kinds[group] || group, name: c.name || c.common_name || t('kind.' + (kinds[group] || group)) });
    }
  }
  return rows;
}

const kinds = { clients: 'client', authorities: 'authority', servers: 'server', lists: 'list' };

// scale is the time that the pictures show: from a month ago, at least, to the last end within ten years.
function scale(rows) {
  const now = Date.now();
  const ends = rows.map((c) => date(c.until)?.getTime()).filter(Boolean).sort((a, b) => a - b);
  const most = ends.length ? ends[Math.min(ends.length - 1, Math.floor(ends.length * 0.9))] : now;
  return { now, from: now - 30 * 86400e3, until: Math.min(Math.max(most * 1.0, now + 90 * 86400e3), now + 3650 * 86400e3) };
}

function left(c) {
  const until = date(c.until);
  return until ? (until - Date.now()) / 86400e3 : Infinity;
}

function mark(c) {
  if (c.revoked) return h('span', { class: 'tag bad' }, t('certificate.revoked'));
  const days = left(c);
  if (days < 0) return h('span', { class: 'tag bad' }, t('certificate.ended'));
  if (c.kind !== 'list' && days < 30) return h('span', { class: 'tag warn' }, t('certificate.soon'));
  return h('span', { class: 'tag good' }, t('certificate.good'));
}

function line(c, axis) {
  const place = (ms) => Math.min(100, Math.max(0, ((ms - axis.from) / (axis.until - axis.from)) * 100));
  const from = place(date(c.from)?.getTime() ?? axis.from);
  const until = place(date(c.until)?.getTime() ?? axis.until);
  const now = place(axis.now);
  const days = left(c);
  return h('svg', { class: 'bar span', role: 'img', 'aria-label': t('certificate.span', { from: day(c.from), until: day(c.until) }), width: '100%', height: 14 },
    h('rect', { class: 'track', x: 0, y: 6, width: '100%', height: 2 }),
    h('rect', { class: 'part ' + (days < 0 || c.revoked ? 'bad' : days < 30 && c.kind !== 'list' ? 'warn' : ''), x: from + '%', y: 2, width: Math.max(0.5, until - from) + '%', height: 10, rx: 2 }),
    h('rect', { class: 'today', x: now + '%', y: 0, width: 2, height: 14 }));
}
