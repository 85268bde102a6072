// Servers: those that a client measures and may use, or this server itself.

import { h, fill, said, visible, announce } from '../dom.js';
import { t } from '../text.js';
import { ask, get, problem } from '../api.js';
import { number, time, ago } from '../format.js';
import { every } from '../timer.js';
import * as table from '../table.js';
import { nice } from '../chart.js';

export async function show(content, about) {
  if (about.process.role === 'client') await measured(content, about);
  else await itself(content, about);
}

async function measured(content, { signal, can }) {
  const faults = h('div', {});
  let most = 1; // milliseconds, which the pictures are as long as
  const ms = (v) => (v ? t('servers.ms', { n: number(v, 1) }) : '');
  const columns = [
    { key: 'name', label: t('servers.name'), order: (s) => s.server, text: (s) => `${s.server}\n${s.chosen}`, show: (s) => [said(s.server, 100), s.chosen ? [' ', h('span', { class: 'tag good' }, t('servers.chosen'))] : null] },
    { key: 'delay', label: t('servers.delay'), number: true, order: (s) => s.delay_ms, text: (s) => ms(s.delay_ms) },
    { key: 'jitter', label: t('servers.jitter'), number: true, order: (s) => s.jitter_ms, text: (s) => ms(s.jitter_ms) },
    { key: 'loss', label: t('servers.loss'), number: true, order: (s) => s.loss, text: (s) => (s.samples ? t('servers.percent', { n: number((s.loss || 0) * 100, 1) }) : '') },
    { key: 'score', label: t('servers.score'), number: true, order: (s) => s.score_ms || Infinity, text: (s) => ms(s.score_ms) },
    { key: 'picture', label: t('servers.picture'), text: (s) => `${s.delay_ms} ${s.jitter_ms} ${s.chosen} ${most}`, show: (s) => (s.delay_ms ? picture(s, most) : null) },
    { key: 'why', label: t('servers.why'), text: (s) => s.why || '', show: (s) => said(s.why || '', 200) },
  ];
  if (can('operate')) {
    columns.push({
      key: 'do', label: '', text: (s) => String(s.chosen), show: (s) => (s.chosen ? null : h('button', {
        type: 'button', class: 'small', 'aria-label': t('servers.use.which', { name: visible(s.server) }), on: {
          click: async (e) => {
            fill(faults);
            e.target.disabled = true;
            try {
              await ask('POST', '/v1/use', { remote: s.server }, signal);
              announce(t('servers.used'));
            } catch (fault) {
              if (!signal.aborted) fill(faults, problem(fault));
            }
            e.target.disabled = false;
          },
        },
      }, t('servers.use'))),
    });
  }
  const list = table.make({ caption: t('servers.all'), columns, rowKey: (s) => s.server, sort: 'score', empty: h('p', {}, t('servers.empty')) });
  content.append(h('p', { class: 'hint' }, t('servers.hint')), faults, list.element);
  await every(async () => {
    const answer = await get('/v1/servers', signal);
    const servers = answer.servers || [];
    most = nice(Math.max(1, ...servers.map((s) => (s.delay_ms || 0) + (s.jitter_ms || 0))));
    list.set(servers);
  }, () => 3000, signal, faults).first;
}

// picture is a bar as long as a server's delay, with what it is more or less by jitter. What it says
// stands beside it in numbers.
function picture(s, most) {
  const at = (v) => Math.min(100, Math.max(0, v / most * 100)) + '%';
  const less = s.delay_ms - (s.jitter_ms || 0);
  const more = s.delay_ms + (s.jitter_ms || 0);
  return h('svg', { class: 'bar delay', 'aria-hidden': 'true', width: '100%', height: 12 },
    h('rect', { class: 'track', x: 0, y: 5, width: '100%', height: 2 }),
    h('rect', { class: s.chosen ? 'part' : 'part other', x: 0, y: 1, width: at(s.delay_ms), height: 10, rx: 2 }),
    h('line', { class: 'around', x1: at(less), x2: at(more), y1: 6, y2: 6 }),
    [less, more].map((v) => h('line', { class: 'around', x1: at(v), x2: at(v), y1: 2, y2: 10 })));
}

async function itself(content, { signal, process }) {
  const configuration = await get('/v1/configuration', signal).catch(() => ({ lines: [] }));
  const listens = (configuration.lines || []).filter((l) => ['local', 'port', 'proto', 'server', 'server-ipv6', 'dev'].includes(l.directive));
  const rows = [
    ['servers.name', said(process.name, 100)], ['servers.version', said(process.version, 100)],
    ['now.since', `${time(process.since)} (${ago(process.since)})`], ['now.adapter', said(process.adapter || t('none'), 60)],
    ['servers.pid', process.pid && String(process.pid)],
    ...listens.map((l) => ['servers.listens', h('code', {}, said([l.directive, ...args(l)].join(' '), 200))]),
  ].filter(([, v]) => v);
  content.append(h('dl', { class: 'facts card' }, rows.map(([key, v]) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, v)))));
}

function args(line) {
  return Array.isArray(line.arguments) ? line.arguments : line.arguments ? [line.arguments] : [];
}
