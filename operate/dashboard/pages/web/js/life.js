// A session's life as a picture: the stages of the handshake with their times, and what came after.

import { h, said } from './dom.js';
import { t, known } from './text.js';
import { span, clock, time, bytes, date } from './format.js';

// stages draws stages [{ name, seconds }], one below the other, each where it began and as long as it took.
export function stages(list) {
  const all = list.reduce((sum, s) => sum + s.seconds, 0) || 1;
  let from = 0;
  return h('ol', { class: 'stages' }, list.map((s) => {
    const x = (from / all) * 100;
    from += s.seconds;
    return h('li', {}, h('span', { class: 'name' }, known('stage.' + s.name) ? t('stage.' + s.name) : said(s.name, 80)), h('span', { class: 'time' }, span(s.seconds)),
      h('svg', { class: 'bar', 'aria-hidden': 'true', width: '100%', height: 10 },
        h('rect', { class: 'track', x: 0, y: 4, width: '100%', height: 2 }),
        h('rect', { class: 'part', x: Math.min(x, 99) + '%', y: 0, width: Math.max(1, (s.seconds / all) * 100) + '%', height: 10, rx: 2 })));
  }));
}

const parts = ['answer', 'tls', 'keys', 'decision', 'push', 'up'];

// ofHandshake makes stages of the times when each ended, of which some may not be set.
export function ofHandshake(handshake) {
  let before = date(handshake.began);
  return parts.filter((p) => date(handshake[p])).map((name) => {
    const seconds = Math.max(0, (date(handshake[name]) - before) / 1000);
    before = date(handshake[name]);
    return { name, seconds };
  });
}

// between makes stages of events that say nothing of their handshake: the time from each to the
// next, until it is up.
export function between(life) {
  const up = life.findIndex((e) => e.event === 'up');
  const steps = life.slice(0, up + 1).filter((e) => date(e.time));
  return steps.slice(1).map((e, i) => ({ name: e.event, seconds: Math.max(0, (date(e.time) - date(steps[i].time)) / 1000) }));
}

// events draws events as a list, the first one first.
export function events(list) {
  list = list.map((e) => (e.what ? { ...e, event: e.what, reason: e.text } : e)); // as the history has them
  return h('ol', { class: 'life' }, list.map((e) => h('li', { class: 'event-' + kind(e.event) },
    h('time', { datetime: e.time, title: time(e.time) }, clock(e.time)), ' ',
    h('div', {}, h('strong', {}, known('event.' + e.event) ? t('event.' + e.event) : said(e.event, 40)), details(e)))));
}

function kind(event) {
  if (['refused', 'cut-off', 'failed', 'not-renewed', 'silent'].includes(event)) return 'bad';
  return ['up', 'renewed', 'moved'].includes(event) ? 'good' : 'plain';
}

function details(e) {
  const parts = [
    e.event === 'moved' && e.from ? [said(e.from, 60), ' → ', said(e.remote, 60)] : e.remote && e.event !== 'left' ? said(e.remote, 60) : null,
    e.reason ? said(e.reason, 500) : null,
    e.cipher ? said(e.cipher, 60) : null, e.tls ? said(e.tls, 120) : null, e.agent ? said(e.agent, 200) : null,
    e.options?.length ? said(e.options.join(', '), 400) : null,
    e.bytes_in || e.bytes_out ? t('life.carried', { received: bytes(e.bytes_in), sent: bytes(e.bytes_out) }) : null,
  ].filter(Boolean);
  return parts.length ? h('div', { class: 'minor' }, parts.map((p, i) => [i ? ' · ' : null, p])) : null;
}
