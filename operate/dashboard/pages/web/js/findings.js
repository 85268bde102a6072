// What the doctor found, and what mends it.

import { h, said } from './dom.js';
import { t, known } from './text.js';

const order = ['problem', 'warning', 'note'];

// findings draws a report: { checks: [{ about, outcome, why, findings }] }.
export function findings(report) {
  const all = (report.checks || []).flatMap((c) => c.findings || []);
  const unknown = (report.checks || []).filter((c) => c.outcome === 'unknown');
  if (all.length === 0 && unknown.length === 0) return h('p', { class: 'well' }, t('health.well'));
  all.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return h('ul', { class: 'findings' }, all.map(one),
    unknown.map((r) => h('li', {}, h('p', {}, said(t('health.unknown', { about: r.about || r.name }), 300)), r.why ? h('p', { class: 'hint' }, said(r.why, 500)) : null)));
}

function one(f) {
  const key = 'severity.' + f.severity;
  return h('li', { class: 'severity-' + (order.includes(f.severity) ? f.severity : 'note') },
    h('p', {}, h('span', { class: 'tag' }, known(key) ? t(key) : said(f.severity)), ' ', said(f.text, 1000)),
    f.evidence ? h('p', { class: 'hint' }, said(f.evidence, 1000)) : null,
    f.mend ? h('p', {}, t('health.mend'), ' ', h('code', {}, said(f.mend, 1000))) : null);
}
