// A session: who it is, how it came in, and what became of it. Also one of the past.

import { h, fill, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part } from '../api.js';
import { bytes, span, time, ago, date, number } from '../format.js';
import { confirm } from '../dialog.js';
import { read } from '../events.js';
import { every } from '../timer.js';
import * as life from '../life.js';

export async function show(content, about) {
  const { signal, parameters: [which], past, can, process } = about;
  const path = (past ? '/v1/history/sessions/' : '/v1/sessions/') + part(which);
  const back = h('p', {}, h('a', { href: past ? '#/history' : '#/now' }, t(past ? 'session.back.history' : 'session.back')));
  const facts = h('dl', { class: 'facts card' });
  const actions = h('div', { class: 'actions start' });
  const how = section('session.handshake', { class: 'card' });
  const what = section('session.life', { class: 'card' });
  const stages = h('div', {});
  const events = h('div', {});
  how.append(stages);
  what.append(events);
  content.append(back, facts, actions, how, what);
  let drawn = '';
  const load = async () => {
    const answer = await get(path, signal);
    const session = past ? asNow(answer.session) : answer.session;
    const list = answer.life || [];
    const title = session.name || list.find((e) => e.name)?.name || t('peer.unnamed');
    about.titled(t('nav.session') + ' ' + visible(title).slice(0, 60), t('nav.session'), ' ', said(title, 60));
    fill(facts, describe(session, list));
    const text = JSON.stringify(list);
    if (text === drawn) return;
    drawn = text;
    const first = list.filter((e) => e.handshake && e.event !== 'renewed' && e.what !== 'renewed').at(-1)?.handshake;
    const steps = first ? life.ofHandshake(first) : life.between(list);
    fill(stages, steps.length ? life.stages(steps) : h('p', { class: 'hint' }, t('session.handshake.none')),
      first?.outcome && first.outcome !== 'completed' ? h('p', { class: 'problem' }, t('session.handshake.ended', { outcome: first.outcome, by: first.by || '' })) : null);
    fill(events, list.length ? life.events(list) : h('p', { class: 'hint' }, t('session.life.none')));
  };
  if (past) { await load(); return; }
  if (can('operate') && process.role === 'server') actions.append(disconnect(which));
  const soon = every(load, () => 3000, signal, content);
  await soon.first;
  read((e) => { if (e.number === undefined || String(e.number) === which) soon.now(); }, signal);
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
        location.hash = '#/now';
      }),
    },
  }, t('peer.disconnect'));
}
