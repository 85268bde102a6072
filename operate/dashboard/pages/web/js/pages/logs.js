// Logs: the latest lines and those that come, and what each subsystem says.

import { h, fill, say, said, announce, id } from '../dom.js';
import { t, section } from '../text.js';
import { ask, get, query, problem } from '../api.js';
import { time, clock } from '../format.js';
import { field } from '../dialog.js';

const most = 1000; // lines that are kept on the page
const levels = ['debug', 'info', 'warn', 'error'];
const byDefault = 'default'; // no level of its own

export async function show(content, { signal, can }) {
  const level = field('logs.level', { element: 'select', children: levels.map((l) => h('option', { value: l, selected: l === 'info' }, t('level.' + l))) });
  const subsystem = field('logs.subsystem', { element: 'select', children: [h('option', { value: '' }, t('logs.all'))] });
  const text = field('logs.text', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
  const paused = h('button', { type: 'button', class: 'plain', 'aria-pressed': 'false' }, t('logs.pause'));
  const lines = h('ol', { class: 'log' });
  const view = h('div', { class: 'scroll log', tabindex: '0', role: 'log', 'aria-live': 'off', 'aria-label': t('logs.lines') }, lines);
  const state = h('p', { class: 'hint', role: 'status' });
  content.append(h('div', { class: 'inline' }, level.box, subsystem.box, text.box, h('div', { class: 'field' }, paused)), state, view);
  const follower = new Follower(lines, view, state, signal, () => ({ level: level.input.value, subsystem: subsystem.input.value, text: text.input.value.trim() }));
  for (const f of [level, subsystem]) f.input.addEventListener('change', () => follower.start());
  let typing = 0;
  text.input.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(() => follower.start(), 300); });
  paused.addEventListener('click', () => {
    follower.pause(!follower.paused);
    paused.setAttribute('aria-pressed', String(follower.paused));
  });
  follower.start();
  const known = await get('/v1/logs/levels', signal).catch(() => null);
  if (!known) return;
  const all = known.levels || [];
  subsystem.input.append(...all.map((s) => h('option', { value: s.subsystem }, s.subsystem)));
  if (can('operate')) content.append(change(all, signal));
}

// Follower shows lines as they come.
class Follower {
  constructor(lines, view, state, signal, filter) {
    Object.assign(this, { lines, view, state, filter, paused: false, source: null });
    signal.addEventListener('abort', () => this.stop());
  }

  start() {
    this.stop();
    fill(this.lines);
    fill(this.state, t('logs.waiting'));
    this.source = new EventSource('/v1/logs' + query(this.filter()));
    this.source.onopen = () => fill(this.state, t('logs.live'));
    this.source.onerror = () => fill(this.state, t('connection.lost'));
    const take = (e) => this.add(e);
    for (const name of ['line', 'missed']) this.source.addEventListener(name, take);
  }

  stop() { this.source?.close(); }

  pause(on) {
    this.paused = on;
    if (!on) this.start();
    else { this.stop(); fill(this.state, t('logs.paused')); }
  }

  add(e) {
    let line;
    try { line = JSON.parse(e.data); } catch { return; }
    const end = this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < 40;
    this.lines.append(e.type === 'missed' ? h('li', { class: 'warn' }, t('logs.missed', { n: line.count })) : one(line));
    while (this.lines.childElementCount > most) this.lines.firstElementChild.remove();
    if (end) this.view.scrollTop = this.view.scrollHeight;
  }
}

function one(line) {
  const level = String(line.level || '').toLowerCase();
  const words = Object.entries(line.attributes || {}).map(([k, v]) => `${k}=${typeof v === 'object' ? JSON.stringify(v) : v}`);
  if (line.client) words.unshift('client=' + line.client);
  return h('li', { class: levels.includes(level) ? 'level-' + level : null },
    h('time', { datetime: line.time, title: time(line.time) }, clock(line.time)), ' ',
    h('span', { class: 'level' }, level), ' ', line.subsystem ? h('span', { class: 'minor' }, said(line.subsystem, 30)) : null, ' ',
    said(line.message || '', 2000), words.length ? h('span', { class: 'minor' }, ' ', said(words.join(' '), 2000)) : null);
}

// change has a choice for each subsystem: a level of its own, or that of all others.
function change(all, signal) {
  const faults = h('div', {});
  const choices = all.map((s) => choice(s, async (level) => {
    fill(faults);
    try {
      const now = await ask('PUT', '/v1/logs/levels', { levels: { [s.subsystem]: level } }, signal);
      announce(t('saved'));
      if (now?.levels) mark(now.levels);
    } catch (fault) {
      if (!signal.aborted) fill(faults, problem(fault));
    }
  }));
  const mark = (levels) => {
    const usual = levels.find((s) => !s.own)?.level;
    choices.forEach((c, i) => c.mark(levels[i], usual));
  };
  mark(all);
  return section('logs.levels', { class: 'card' }, h('p', { class: 'hint' }, t('logs.levels.hint')), faults, h('div', { class: 'inline' }, choices.map((c) => c.element)));
}

function choice(subsystem, change) {
  const label = id('level');
  const usual = h('option', { value: byDefault });
  const select = h('select', { id: label, title: subsystem.about, on: { change: (e) => change(e.target.value) } },
    usual, levels.map((l) => h('option', { value: l }, t('level.' + l))));
  return {
    element: h('div', { class: 'field' }, h('label', { for: label }, said(subsystem.subsystem, 40)), select),
    mark(state, level) {
      say(usual, level ? t('logs.usual.level', { level: t('level.' + level) }) : t('logs.usual'));
      select.value = state.own ? state.level : byDefault;
    },
  };
}
