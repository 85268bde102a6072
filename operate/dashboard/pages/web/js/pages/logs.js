// Logs: the latest lines and those that come, and what each subsystem says.

import { h, fill, said, announce, id } from '../dom.js';
import { t, section } from '../text.js';
import { ask, get, query, problem } from '../api.js';
import { time, clock } from '../format.js';
import { field } from '../dialog.js';

const most = 1000; // lines that are kept on the page
const levels = ['debug', 'info', 'warn', 'error'];

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
  const all = pairs(known);
  subsystem.input.append(...all.map(([name]) => h('option', { value: name }, name)));
  if (can('operate')) content.append(change(all, signal));
}

// pairs are subsystems with their levels, and what they are about.
function pairs(answer) {
  return (answer.levels || []).map((s) => [s.subsystem, s.level, s.about]);
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

function change(all, signal) {
  const faults = h('div', {});
  return section('logs.levels', { class: 'card' }, h('p', { class: 'hint' }, t('logs.levels.hint')), faults, h('div', { class: 'inline' }, all.map(([name, level, what]) => {
    const label = id('level');
    return h('div', { class: 'field' }, h('label', { for: label }, said(name, 40)), h('select', {
      id: label, title: what, on: {
        change: async (e) => {
          fill(faults);
          try {
            await ask('PUT', '/v1/logs/levels', { levels: { [name]: e.target.value } }, signal);
            announce(t('saved'));
          } catch (fault) {
            if (!signal.aborted) fill(faults, problem(fault));
          }
        },
      },
    }, levels.map((l) => h('option', { value: l, selected: l === String(level).toLowerCase() }, t('level.' + l)))));
  })));
}
