// Now: who is connected from where, how much goes through, and what is not well.

import { h, fill, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part, query, problem } from '../api.js';
import { bytes, rate, number, ago, span, time, date } from '../format.js';
import { confirm } from '../dialog.js';
import { read } from '../events.js';
import { every } from '../timer.js';
import * as chart from '../chart.js';
import * as table from '../table.js';
import * as way from '../way.js';
import { findings } from '../findings.js';

export async function show(content, about) {
  const { signal, process, can, has } = about;
  const client = process.role !== 'server';
  const figures = h('dl', { class: 'figures' });
  const health = has(['health', 'store']) ? section('now.health', { class: 'card' }) : null;
  const steering = client && process.role === 'client' && can('operate') ? steer(signal) : null;
  const graph = chart.make({
    caption: t('now.rates'), signal, format: rate,
    series: [{ key: 'bytes_in', label: t('received') }, { key: 'bytes_out', label: t('sent') }],
  });
  const list = sessions(client, can('operate'), process);
  const drops = h('div', {});
  content.append(figures, steering || '', h('div', { class: 'two' }, h('div', { class: 'card' }, graph.element), health || ''),
    list.element, section('now.drops', { class: 'card' }, h('p', { class: 'hint' }, t('now.drops.hint')), drops));

  const speeds = new Speeds();
  const refresh = async () => {
    const status = await get('/v1/status', signal);
    speeds.take(status.peers);
    showFigures(figures, status, process);
    list.set((status.peers || []).map((p) => ({ ...p, ...speeds.of(p) })));
    fill(drops, way.draw(status.drops || {}));
    return status;
  };
  const soon = every(refresh, (s) => ((s?.peers || []).length > 300 ? 10000 : 2000), signal, content);
  await soon.first;
  read(() => soon.now(), signal);
  every(async () => {
    const r = await get('/v1/rates', signal);
    graph.set({ step: r.step, until: r.until, values: { bytes_in: perSecond(r.bytes_in, r.step), bytes_out: perSecond(r.bytes_out, r.step) } });
  }, () => 1000, signal, graph.element);
  if (health) showHealth(health, signal);
}

function perSecond(values, step) {
  return (values || []).map((v) => v / (step || 1));
}

function showFigures(box, status, process) {
  const peers = status.peers || [];
  const figures = [];
  if (process.role === 'server') {
    figures.push(['now.connected', number(peers.filter((p) => !p.connecting).length)], ['now.connecting', number(peers.filter((p) => p.connecting).length)]);
  } else {
    const peer = peers.find((p) => !p.connecting);
    figures.push(['now.state', t(peer ? 'state.connected' : 'state.connecting')]);
    if (peer) figures.push(['now.address', [peer.ipv4, peer.ipv6].filter(Boolean).join(', ') || t('none')]);
  }
  figures.push(['now.since', span((Date.now() - (date(status.since)?.getTime() ?? Date.now())) / 1000)], ['now.adapter', status.adapter || t('none')],
    ['now.dropped', number(Object.values(status.drops || {}).reduce((a, b) => a + b, 0))]);
  const ending = status.certificates_ending?.within_30_days;
  if (ending) figures.push(['now.ending', h('a', { href: '#/certificates' }, number(ending))]);
  const texts = figures.map(([, v]) => (v instanceof Node ? v.textContent : v)).join('\n');
  if (box.dataset.texts === texts) return;
  box.dataset.texts = texts;
  fill(box, figures.map(([key, value]) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, value instanceof Node ? value : said(value, 60)))));
}

// Speeds are the rates of peers, from what they carried between two looks.
class Speeds {
  constructor() { this.before = new Map(); }

  take(peers) {
    const at = performance.now();
    const next = new Map();
    for (const p of peers || []) {
      const was = this.before.get(p.number);
      const seconds = was ? (at - was.at) / 1000 : 0;
      if (was && seconds < 0.8) { next.set(p.number, was); continue; }
      const per = (now, then) => (was && now >= then ? (now - then) / seconds : 0);
      next.set(p.number, { at, in: p.bytes_in, out: p.bytes_out, up: per(p.bytes_in, was?.in), down: per(p.bytes_out, was?.out) });
    }
    this.before = next;
  }

  of(p) {
    const s = this.before.get(p.number);
    return { up: s?.up || 0, down: s?.down || 0 };
  }
}

function sessions(client, steering, process) {
  const columns = [
    { key: 'name', label: t('peer.name'), order: (p) => p.name || '', text: (p) => `${p.name}\n${p.connecting}\n${p.number}`, show: (p) => [h('a', { href: '#/session/' + part(p.number) }, said(p.name || t('peer.unnamed'), 60)), p.connecting ? [' ', h('span', { class: 'tag' }, t('state.connecting'))] : null] },
    { key: 'user', label: t('peer.user'), order: (p) => p.user || '', text: (p) => p.user || '', show: (p) => (p.user ? said(p.user, 60) : '') },
    { key: 'remote', label: t('peer.from'), order: (p) => p.remote || '', text: (p) => p.remote || '', show: (p) => h('div', { class: 'endpoint' }, said(p.remote, 60)) },
    { key: 'ip', label: t('peer.inside'), order: (p) => p.ipv4 || p.ipv6 || '', text: (p) => `${p.ipv4 || ''} ${p.ipv6 || ''}`, show: (p) => [p.ipv4, p.ipv6].filter(Boolean).map((a) => h('div', { class: 'code' }, a)) },
    { key: 'since', label: t('peer.since'), order: (p) => p.since || '', text: (p) => (p.since ? ago(p.since) : ''), show: (p) => (p.since ? h('time', { datetime: p.since, title: time(p.since) }, ago(p.since)) : '') },
    { key: 'up', label: t('received'), number: true, order: (p) => p.up, text: (p) => rate(p.up) + '\n' + bytes(p.bytes_in), show: (p) => [rate(p.up), h('div', { class: 'minor' }, bytes(p.bytes_in))] },
    { key: 'down', label: t('sent'), number: true, order: (p) => p.down, text: (p) => rate(p.down) + '\n' + bytes(p.bytes_out), show: (p) => [rate(p.down), h('div', { class: 'minor' }, bytes(p.bytes_out))] },
  ].filter((c) => !client || c.key !== 'user');
  if (steering && !client) {
    columns.push({ key: 'do', label: '', text: (p) => String(p.number), show: (p) => h('button', { type: 'button', class: 'small', 'aria-label': t('peer.disconnect.who', { name: visible(p.name) }), on: { click: () => disconnect(p) } }, t('peer.disconnect')) });
  }
  return table.make({
    caption: t(client ? 'now.peers' : 'now.sessions'), columns, rowKey: (p) => String(p.number), sort: 'name',
    search: client ? null : (p) => [p.name, p.user, p.remote, p.ipv4, p.ipv6, p.cipher].filter(Boolean).join(' '),
    empty: h('div', {}, h('p', {}, t(client ? 'now.peers.empty' : 'now.sessions.empty')),
      client ? null : (process.features || []).some((f) => f === 'users' || f === 'store') ? h('p', {}, h('a', { href: '#/people' }, t('now.sessions.empty.next'))) : null),
  });
}

function disconnect(p) {
  confirm(t('peer.disconnect.title'), tn('peer.disconnect.happens', { name: said(p.name, 60) }), t('peer.disconnect'), async () => {
    await ask('DELETE', '/v1/sessions/' + part(p.number) + query({}));
    announce(t('peer.disconnect.done'));
  });
}

function steer(signal) {
  const faults = h('div', {});
  const act = (path, done) => async () => {
    fill(faults);
    try {
      await ask('POST', path, undefined, signal);
      announce(t(done));
    } catch (fault) {
      if (!signal.aborted) fill(faults, problem(fault));
    }
  };
  return h('div', {}, h('div', { class: 'actions start' },
    h('button', { type: 'button', class: 'plain', on: { click: act('/v1/reconnect', 'now.reconnect.done') } }, t('now.reconnect')),
    h('button', { type: 'button', class: 'plain', on: { click: () => confirm(t('now.disconnect'), t('now.disconnect.happens'), t('now.disconnect'), () => ask('POST', '/v1/disconnect')) } }, t('now.disconnect'))), faults);
}

// healthAge is how long what the doctor found is shown before it looks again.
const healthAge = 60000;

function showHealth(box, signal) {
  const place = h('div', {}, h('p', { class: 'hint' }, t('now.health.looking')));
  const faults = h('div', {});
  box.append(faults, place);
  let shown = '';
  every(async () => {
    const report = await get('/v1/health', signal).catch((fault) => { fill(place); shown = ''; throw fault; });
    const text = JSON.stringify(report.checks);
    if (text !== shown) fill(place, findings(report));
    shown = text;
  }, () => healthAge, signal, faults);
}
