// Settings: each line of the configuration, where it stands, and what it means.

import { h, fill, said, announce } from '../dom.js';
import { t, known } from '../text.js';
import { ask, get, problem } from '../api.js';
import { confirm } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, { signal, can, process }) {
  const answer = await get('/v1/configuration', signal);
  const list = table.make({
    caption: t('settings.all'), rowKey: (l) => l.row, search: (l) => [l.directive, words(l), l.file, l.help].join(' '), sort: '',
    columns: [
      { key: 'directive', label: t('settings.line'), order: (l) => l.directive, show: (l) => h('code', {}, said(l.directive, 80), words(l) ? [' ', said(words(l), 300)] : null) },
      { key: 'help', label: t('settings.help'), show: (l) => (l.help ? h('span', { class: 'help' }, said(l.help, 1000)) : '') },
      { key: 'source', label: t('settings.source'), order: (l) => `${l.file}\n${String(l.line || 0).padStart(6, '0')}`, show: (l) => (l.file ? h('span', { class: 'code minor' }, said(l.file, 120), l.line ? ':' + l.line : '') : t('settings.default')) },
      { key: 'takes', label: t('settings.takes'), show: (l) => (l.takes_effect ? (known('takes.' + l.takes_effect) ? t('takes.' + l.takes_effect) : said(l.takes_effect, 200)) : '') },
    ],
    empty: h('p', {}, t('settings.empty')),
  });
  const faults = h('div', {});
  content.append(can('operate') ? h('div', { class: 'actions start' }, reload(faults, signal), restart(process)) : '', faults, list.element);
  list.set((answer.lines || []).map((l, i) => ({ ...l, row: String(i) })));
}

function words(l) {
  return Array.isArray(l.arguments) ? l.arguments.join(' ') : l.arguments || '';
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
