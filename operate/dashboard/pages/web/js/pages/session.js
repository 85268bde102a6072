// A session: who it is, how it came in, and what became of it. Also one of the past.

import { h, fill, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part, query } from '../api.js';
import { bytes, span, time, ago, date, number } from '../format.js';
import { confirm } from '../dialog.js';
import { read } from '../events.js';
import { every } from '../timer.js';
import * as life from '../life.js';

export async function show(content, about) {
  const { signal, parameters: [which], past, can, has, process } = about;
  const back = h('p', {}, h('a', { href: past ? '#/history' : '#/now' }, t(past ? 'session.back.history' : 'session.back')));
  const over = h('div', { role: 'status' });
  const view = new View(about, content, back, over);
  if (past) {
    const answer = await get('/v1/history/sessions/' + part(which), signal);
    view.draw(asNow(answer.session), answer.life || []);
    return;
  }
  const mine = (e) => (process.role === 'server' ? String(e.number) === which : e.number === undefined);
  let ended = false;

  // end shows what is known of a session that is no more; left is the event that says so, if it came.
  const end = async (left) => {
    if (ended) return;
    ended = true;
    view.end(left);
    fill(over, await gone(view.session, left, has(['history']), signal));
  };
  const load = async () => {
    if (ended && process.role === 'server') return; // numbers do not come again
    let answer;
    try {
      answer = await get('/v1/sessions/' + part(which), signal);
    } catch (fault) {
      if (fault.status !== 404) throw fault;
      await end();
      return;
    }
    if (ended && process.role === 'server') return; // it ended while this was asked
    ended = false;
    fill(over);
    view.draw(answer.session, answer.life || [], can('operate') && process.role === 'server' ? disconnect(which) : null);
  };
  const soon = every(load, () => 3000, signal, content);
  await soon.first;
  read((e) => {
    if (e.event === 'missed') {
      if (e.restarted) end(); // numbers are others' now
      else soon.now();
    } else if (mine(e)) {
      view.add(e);
      if (e.event === 'left') end(e);
      else soon.now();
    }
  }, signal);
}

// View is what is shown of a session.
class View {
  constructor(about, content, back, over) {
    Object.assign(this, { about, session: null, list: [], drawn: '' });
    this.facts = h('dl', { class: 'facts card', hidden: true });
    this.actions = h('div', { class: 'actions start' });
    this.stages = h('div', {});
    this.events = h('div', {});
    this.how = section('session.handshake', { class: 'card', hidden: true }, this.stages);
    this.what = section('session.life', { class: 'card', hidden: true }, this.events);
    content.append(back, over, this.facts, this.actions, this.how, this.what);
  }

  // draw shows a session, its life, and what can be done with it.
  draw(session, list, action) {
    this.session = session;
    this.list = list;
    const title = session.name || list.find((e) => e.name)?.name || t('peer.unnamed');
    this.about.titled(t('nav.session') + ' ' + visible(title).slice(0, 60), t('nav.session'), ' ', said(title, 60));
    for (const part of [this.facts, this.how, this.what]) part.hidden = false;
    fill(this.facts, describe(session, list));
    if (!action) fill(this.actions);
    else if (!this.actions.firstChild) fill(this.actions, action);
    const text = JSON.stringify(list);
    if (text === this.drawn) return;
    this.drawn = text;
    const first = list.filter((e) => e.handshake && e.event !== 'renewed' && e.what !== 'renewed').at(-1)?.handshake;
    const steps = first ? life.ofHandshake(first) : life.between(list);
    fill(this.stages, steps.length ? life.stages(steps) : h('p', { class: 'hint' }, t('session.handshake.none')),
      first?.outcome && first.outcome !== 'completed' ? h('p', { class: 'problem' }, t('session.handshake.ended', { outcome: first.outcome, by: first.by || '' })) : null);
    fill(this.events, list.length ? life.events(list) : h('p', { class: 'hint' }, t('session.life.none')));
  }

  // add notes an event, which is shown with the next answer, or at the end.
  add(event) {
    if (!this.list.some((e) => e.event === event.event && e.time === event.time)) this.list = [...this.list, event];
  }

  // end shows the session as it was last, without anything to do.
  end(left) {
    if (!this.session) return;
    const last = left ? { until: left.time, reason: left.reason, bytes_in: left.bytes_in || this.session.bytes_in, bytes_out: left.bytes_out || this.session.bytes_out } : {};
    this.draw({ ...this.session, ...last }, this.list, null);
  }
}

// gone says that a session is over, when and why, and leads to what the history has of it.
async function gone(session, left, kept, signal) {
  const found = kept && session?.name ? await ofHistory(session, signal).catch(() => null) : null;
  const at = left?.time || found?.end;
  const why = left?.reason || found?.why;
  const what = !session ? t('session.over.unknown') : at ? t('session.over.at', { time: time(at) }) : t('session.over');
  return h('div', { class: 'notice' }, h('p', {}, h('strong', {}, what), why ? [' ', said(why, 500)] : null),
    kept ? h('p', {}, h('a', { href: found ? '#/past/' + part(found.id) : '#/history' }, t(found ? 'session.over.past' : 'session.over.history'))) : null);
}

// ofHistory is what the history has of a session, which is there soon after it began: the one of
// its name that began with it.
async function ofHistory(session, signal) {
  const began = date(session.since);
  const answer = await get('/v1/history/sessions' + query({ name: session.name, limit: 20 }), signal);
  return began && (answer.sessions || []).find((s) => Math.abs(date(s.begin) - began) < 2000);
}

// asNow is a session of the history in the words of one that goes on.
function asNow(s) {
  return { ...s, name: s.device, since: s.begin, until: s.end, reason: s.why };
}

function describe(s, list) {
  const left = list.findLast?.((e) => e.event === 'left');
  const rows = [
    ['peer.user', s.user], ['peer.from', s.remote], ['peer.inside', [s.ipv4, s.ipv6].filter(Boolean).join(', ')],
    ['peer.since', s.since && date(s.since) ? `${time(s.since)} (${ago(s.since)})` : ''],
    ['session.until', s.until ? time(s.until) : ''],
    ['session.lasted', s.since && s.until ? span((date(s.until) - date(s.since)) / 1000) : ''],
    ['received', s.bytes_in === undefined ? '' : bytes(s.bytes_in)], ['sent', s.bytes_out === undefined ? '' : bytes(s.bytes_out)],
    ['session.cipher', s.cipher], ['session.tls', s.tls || list.find((e) => e.tls)?.tls], ['session.agent', s.agent || list.find((e) => e.agent)?.agent],
    ['session.serial', s.serial], ['session.heard', s.last_heard && ago(s.last_heard)],
    ['session.path', s.path?.measured ? t('session.path.bytes', { n: number(s.path.bytes) }) : ''],
    ['session.why', s.reason || left?.reason],
  ].filter(([, v]) => v);
  return rows.map(([key, v]) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, said(v, 400))));
}

function disconnect(which) {
  return h('button', {
    type: 'button', class: 'plain', on: {
      click: () => confirm(t('peer.disconnect.title'), tn('peer.disconnect.happens', { name: t('session.this') }), t('peer.disconnect'), async () => {
        await ask('DELETE', '/v1/sessions/' + part(which));
        announce(t('peer.disconnect.done'));
      }),
    },
  }, t('peer.disconnect'));
}
