// The stream of events: one connection for all pages, which resumes where it was cut.

import { t } from './text.js';
import { announce } from './dom.js';

// The names of the stream's messages. What happened is in the data of an event, so that kinds that
// are not known here come in, too; missed says how many did not.
const messages = ['event', 'missed'];

const readers = new Set();
let source = null;
let lastId = '';
let wait = 1000;
let timer = 0;
let lost = false;
let tell = () => {};

// onState has f called with whether the connection is there, when that changes.
export function onState(f) { tell = f; }

// read calls f for each event until the signal. Events that were missed are one of the kind missed,
// with their count, or with restarted where those that follow are of a new process.
export function read(f, signal) {
  readers.add(f);
  signal.addEventListener('abort', () => readers.delete(f));
}

export function start() {
  stop();
  source = new EventSource('/v1/events' + (lastId ? '?after=' + encodeURIComponent(lastId) : ''));
  source.onopen = () => { wait = 1000; state(false); };
  source.onerror = () => {
    state(true);
    if (source.readyState !== EventSource.CLOSED) return; // it tries again itself
    timer = setTimeout(start, wait);
    wait = Math.min(wait * 2, 30000);
  };
  for (const name of messages) source.addEventListener(name, take);
}

export function stop() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function state(isLost) {
  if (isLost === lost) return;
  lost = isLost;
  tell(!lost);
  announce(t(lost ? 'connection.lost' : 'connection.back'));
  if (!lost) for (const f of [...readers]) f({ event: 'missed', count: 0 });
}

function take(e) {
  if (e.lastEventId) lastId = e.lastEventId;
  let event;
  try { event = JSON.parse(e.data); } catch { return; }
  for (const f of [...readers]) f({ event: e.type, ...event });
}
