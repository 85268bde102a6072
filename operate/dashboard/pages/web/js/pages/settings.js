// Settings: each line of the configuration, where it stands, and what it means; and where
// packets go by it.

import { h, fill, id, said, announce } from '../dom.js';
import { t, known } from '../text.js';
import { ask, get, problem } from '../api.js';
import { confirm } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, { signal, can, has, process }) {
  const answer = await get('/v1/configuration', signal);
  const faults = h('div', {});
  content.append(can('operate') ? h('div', { class: 'actions start' }, reload(faults, signal), restart(process)) : '', faults, lines(answer.lines || []));
  if (has(['routes'])) content.append(await routes(signal));
}

// lines are those of the configuration; defaults only when they are asked for.
function lines(all) {
  const rows = all.map((l, i) => ({ ...l, row: String(i) }));
  const list = table.make({
    caption: t('settings.all'), rowKey: (l) => l.row, search: (l) => [l.directive, words(l), marks(l).join(' '), source(l), l.file, l.help].join(' '), sort: '',
    columns: [
      { key: 'directive', label: t('settings.line'), order: (l) => l.directive, show: line },
      { key: 'help', label: t('settings.help'), show: (l) => h('span', { class: 'help' }, said(l.help, 1000), h('span', { class: 'code minor form' }, said(l.form, 300))) },
      { key: 'source', label: t('settings.source'), order: (l) => `${l.source}\n${l.file || ''}\n${String(l.line || 0).padStart(6, '0')}`, show: place },
      { key: 'takes', label: t('settings.takes'), show: (l) => (known('takes.' + l.takes_effect) ? t('takes.' + l.takes_effect) : said(l.takes_effect, 200)) },
    ],
    empty: h('p', {}, t('settings.empty')),
  });
  const draw = (every) => list.set(rows.filter((l) => every || l.source !== 'default'));
  const name = id('defaults');
  draw(false);
  return h('div', {}, h('p', { class: 'check' },
    h('input', { id: name, type: 'checkbox', on: { change: (e) => draw(e.target.checked) } }), ' ', h('label', { for: name }, t('settings.defaults'))), list.element);
}

function line(l) {
  return [h('code', {}, said(l.block ? '<' + l.directive + '>' : l.directive, 80), words(l) ? [' ', said(words(l), 300)] : null),
    marks(l).map((m) => h('span', { class: 'minor mark' }, m))];
}

function words(l) {
  return (l.arguments || []).join(' ');
}

// marks are what is to be known of a line besides.
function marks(l) {
  return [l.withheld ? t('settings.withheld') : '', l.replaced ? t('settings.replaced') : '', l.connection ? t('settings.connection') : ''].filter(Boolean);
}

function source(l) {
  return l.source === 'file' || !known('source.' + l.source) ? '' : t('source.' + l.source);
}

function place(l) {
  return l.source === 'file' ? h('span', { class: 'code minor' }, said(l.file, 120), l.line ? ':' + l.line : '') : source(l);
}

// routes are where packets go by the tunnel.
async function routes(signal) {
  const answer = await get('/v1/routes', signal);
  const list = table.make({
    caption: t('routes.all'), rowKey: (r) => r.row, search: (r) => [r.network, r.gateway, r.device, r.name, r.line, why(r)].join(' '), sort: '',
    columns: [
      { key: 'network', label: t('routes.network'), order: (r) => r.network, show: (r) => h('code', {}, said(r.network, 60, 'whole')) },
      { key: 'leads', label: t('routes.leads'), order: (r) => r.leads, show: leads },
      { key: 'metric', label: t('routes.metric'), number: true, order: (r) => r.metric || 0, show: (r) => (r.metric ? String(r.metric) : '') },
      { key: 'why', label: t('routes.why'), order: why, show: (r) => [why(r), r.line ? h('span', { class: 'code minor form' }, said(r.line, 120)) : null, r.problem ? h('strong', { class: 'mark' }, said(r.problem, 500)) : null] },
    ],
    empty: h('p', {}, t('routes.empty')),
  });
  list.set((answer.routes || []).map((r, i) => ({ ...r, row: String(i) })));
  return h('div', {}, list.element, answer.host ? null : h('p', { class: 'hint' }, t('routes.inside')),
    (answer.problems || []).map((p) => h('p', { class: 'problem' }, said(p, 500))));
}

function leads(r) {
  if (r.leads === 'session') return h('a', { href: '#/session/' + r.session }, said(r.name || t('peer.unnamed'), 80));
  return [known('leads.' + r.leads) ? t('leads.' + r.leads) : said(r.leads, 80), r.gateway ? [' ', h('code', {}, said(r.gateway, 60, 'whole'))] : null];
}

function why(r) {
  return known('reason.' + r.reason) ? t('reason.' + r.reason) : r.reason;
}

function reload(faults, signal) {
  return h('button', {
    type: 'button', class: 'plain', on: {
      click: async () => {
        fill(faults);
        try {
          await ask('POST', '/v1/reload', undefined, signal);
          announce(t('settings.reloaded'));
        } catch (fault) {
          if (!signal.aborted) fill(faults, problem(fault));
        }
      },
    },
  }, t('settings.reload'));
}

function restart(process) {
  return h('button', {
    type: 'button', class: 'plain', on: {
      click: () => confirm(t('settings.restart.title'), t(process.role === 'server' ? 'settings.restart.happens' : 'settings.restart.happens.client'), t('settings.restart'), async () => {
        await ask('POST', '/v1/restart');
        announce(t('settings.restarted'));
      }),
    },
  }, t('settings.restart'));
}
