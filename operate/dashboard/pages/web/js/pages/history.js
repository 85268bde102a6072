// History: who was connected, how much each day carried, and who had an address then.

import { h, fill, said } from '../dom.js';
import { t, section } from '../text.js';
import { get, part, query, problem } from '../api.js';
import { bytes, day, number, span, time, date } from '../format.js';
import { form, field } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, { signal }) {
  content.append(whoHad(signal), days(signal), sessions(signal));
}

// whoHad answers who had an address of the tunnel at a time.
function whoHad(signal) {
  const address = field('history.address', { name: 'address', required: true, autocomplete: 'off', spellcheck: 'false', placeholder: '10.8.0.17' });
  const at = field('history.at', { name: 'at', type: 'datetime-local', required: true });
  const answer = h('div', { role: 'status' });
  const asked = form(t('history.ask'), async () => {
    fill(answer);
    const found = await get('/v1/history/sessions' + query({ address: address.input.value.trim(), at: new Date(at.input.value).toISOString() }), signal);
    const list = found.sessions || [];
    fill(answer, list.length === 0 ? h('p', {}, t('history.nobody')) : h('ul', {}, list.map((s) => h('li', {}, link(s), s.user ? [' (', said(s.user, 60), ')'] : null, ' · ', period(s), s.remote ? [' · ', said(s.remote, 60)] : null))));
  }, address, at);
  asked.append(answer);
  asked.classList.add('inline');
  return section('history.who', { class: 'card' }, asked);
}

function link(s) {
  return h('a', { href: '#/past/' + part(s.id) }, said(s.device || t('peer.unnamed'), 60));
}

function period(s) {
  return time(s.begin) + ' – ' + (s.end ? time(s.end) : t('history.still'));
}

function days(signal) {
  const by = field('history.by', { element: 'select', children: ['total', 'user', 'device'].map((v) => h('option', { value: v }, t('history.by.' + v))) });
  let rows = [];
  let after = 0;
  const list = table.make({
    caption: t('history.days'), sort: 'day', reverse: true, further: () => further().catch(failed), rowKey: (d) => d.day + '\n' + (d.name || '') + (d.hidden ? '\n' : ''), search: (d) => `${d.day} ${d.name || ''}`,
    columns: [
      { key: 'day', label: t('history.day'), order: (d) => d.day, show: (d) => h('time', { datetime: d.day }, day(d.day)) },
      { key: 'name', label: t('history.name'), order: (d) => d.name || '', show: (d) => (d.name ? said(d.name, 60) : t('history.all')) },
      { key: 'sessions', label: t('history.count'), number: true, order: (d) => d.sessions, show: (d) => number(d.sessions || 0) },
      { key: 'time', label: t('session.lasted'), number: true, order: (d) => d.seconds || 0, show: (d) => (d.seconds ? span(d.seconds) : '') },
      { key: 'in', label: t('received'), number: true, order: (d) => d.bytes_in, show: (d) => bytes(d.bytes_in) },
      { key: 'out', label: t('sent'), number: true, order: (d) => d.bytes_out, show: (d) => bytes(d.bytes_out) },
      { key: 'bar', label: t('history.traffic'), show: (d) => amount(d, most) },
    ],
    empty: h('p', {}, t('history.empty')),
  });
  list.element.classList.add('timeline');
  let most = 1;
  const faults = h('div', {});
  const failed = (fault) => { if (!signal.aborted) fill(faults, problem(fault)); };
  const further = async () => {
    const asked = rows;
    const answer = await get('/v1/history/days' + query({ by: by.input.value, after: after || '' }), signal);
    if (asked !== rows) return; // something else is shown by now
    rows = rows.concat(answer.totals || []);
    after = answer.after || 0;
    most = Math.max(1, ...rows.map((d) => (d.bytes_in || 0) + (d.bytes_out || 0)));
    list.set(rows, after > 0);
    fill(faults);
  };
  const load = () => {
    rows = [];
    after = 0;
    return further().catch(failed);
  };
  by.input.addEventListener('change', load);
  load();
  return h('div', {}, h('div', { class: 'beside' }, by.box), list.element, faults);
}

// amount is a bar as long as a day's bytes are beside the most.
function amount(d, most) {
  const part = ((d.bytes_in || 0) + (d.bytes_out || 0)) / most * 100;
  return h('svg', { class: 'bar', 'aria-hidden': 'true', width: '100%', height: 10 }, h('rect', { class: 'track', x: 0, y: 4, width: '100%', height: 2 }),
    h('rect', { class: 'part', x: 0, y: 0, width: part + '%', height: 10, rx: 2 }));
}

function sessions(signal) {
  const name = field('history.whose', { name: 'name', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const from = field('history.from', { name: 'from', type: 'date' });
  const to = field('history.until', { name: 'until', type: 'date' });
  const faults = h('div', {});
  const failed = (fault) => { if (!signal.aborted) fill(faults, problem(fault)); };
  const list = table.make({
    caption: t('history.sessions'), sort: 'since', reverse: true, rowKey: (s) => String(s.id), further: () => show().then(() => fill(faults), failed),
    columns: [
      { key: 'name', label: t('peer.name'), order: (s) => s.device || '', show: (s) => [link(s), s.user && s.user !== s.device ? h('div', { class: 'minor' }, said(s.user, 60)) : null] },
      { key: 'remote', label: t('peer.from'), order: (s) => s.remote || '', show: (s) => h('div', { class: 'endpoint' }, said(s.remote || '', 60)) },
      { key: 'inside', label: t('peer.inside'), show: (s) => [s.ipv4, s.ipv6].filter(Boolean).map((a) => h('div', { class: 'code' }, a)) },
      { key: 'since', label: t('peer.since'), order: (s) => s.begin || '', show: (s) => time(s.begin) },
      { key: 'lasted', label: t('session.lasted'), number: true, show: (s) => (s.end ? span((date(s.end) - date(s.begin)) / 1000) : t('history.still')) },
      { key: 'in', label: t('received'), number: true, order: (s) => s.bytes_in, show: (s) => bytes(s.bytes_in) },
      { key: 'out', label: t('sent'), number: true, order: (s) => s.bytes_out, show: (s) => bytes(s.bytes_out) },
      { key: 'why', label: t('session.why'), show: (s) => said(s.why || '', 80) },
    ],
    empty: h('div', {}, h('p', {}, t('history.empty')), h('p', {}, t('history.empty.next'))),
  });
  let search = null;
  const show = async () => {
    const asked = search;
    await asked.further();
    if (asked === search) list.set(asked.found(), asked.more());
  };
  const load = async () => {
    const start = from.input.value ? new Date(from.input.value + 'T00:00:00').toISOString() : '';
    const end = to.input.value ? new Date(to.input.value + 'T23:59:59').toISOString() : '';
    search = new Search(name.input.value.trim(), { from: start, until: end }, signal);
    await show();
  };
  const chosen = form(t('history.show'), load, name, from, to);
  chosen.classList.add('inline');
  load().catch(failed);
  return h('div', {}, chosen, list.element, faults);
}

// Search is a search for sessions by who they were of, the latest first, page after page. A name is
// that of a person or of a device, so that two questions go on beside each other.
class Search {
  constructor(name, wanted, signal) {
    const asked = name ? [{ name }, { user: name }] : [{}];
    this.signal = signal;
    this.all = new Map();
    this.questions = asked.map((q) => ({ ...q, ...wanted, after: '' }));
    this.open = new Map(this.questions.map((q) => [q, Infinity])); // those with more, and until when they have all
  }

  more() { return this.open.size > 0; }

  // further asks those on whose answers found waits.
  async further() {
    const since = this.since();
    for (const [question, at] of [...this.open]) {
      if (at < since) continue;
      const answer = await get('/v1/history/sessions' + query(question), this.signal);
      const sessions = answer.sessions || [];
      for (const s of sessions) this.all.set(s.id, s);
      this.open.delete(question);
      if (!answer.after) continue;
      question.after = answer.after;
      this.open.set(question, date(sessions.at(-1).begin).getTime());
    }
  }

  // since is when the latest session began of which others may be unknown that are later.
  since() { return Math.max(-Infinity, ...this.open.values()); }

  // found are the sessions so far, without gaps.
  found() {
    const since = this.since();
    return [...this.all.values()].filter((s) => date(s.begin).getTime() >= since);
  }
}
