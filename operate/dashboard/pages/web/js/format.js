// Numbers and times as people of the reader's language write them.

import { language, t } from './text.js';

const made = new Map();

function by(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!made.has(key)) {
    const locale = (navigator.languages || []).find((l) => l.split('-')[0] === language) || language;
    made.set(key, new kind(locale, options));
  }
  return made.get(key);
}

export function number(n, digits = 0) {
  return by(Intl.NumberFormat, { maximumFractionDigits: digits }).format(n);
}

function unit(n, name) {
  const digits = n !== 0 && Math.abs(n) < 10 ? 1 : 0;
  return by(Intl.NumberFormat, { style: 'unit', unit: name, unitDisplay: name === 'byte' ? 'long' : 'short', maximumFractionDigits: digits }).format(n);
}

function scaled(n, names) {
  let i = 0;
  while (i < names.length - 1 && n >= 999.5) { n /= 1000; i++; }
  return unit(n, names[i]);
}

export function bytes(n) {
  return scaled(n || 0, ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte']);
}

// rate is what bytes per second are, in bits per second.
export function rate(bytesPerSecond) {
  return scaled((bytesPerSecond || 0) * 8, ['bit', 'kilobit', 'megabit', 'gigabit', 'terabit']) + t('per-second');
}

const spans = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];

// span is a length of time: its two largest units.
export function span(seconds) {
  seconds = Math.max(0, seconds);
  if (seconds > 0 && seconds < 1) {
    return by(Intl.NumberFormat, { style: 'unit', unit: 'millisecond', unitDisplay: 'short', maximumFractionDigits: seconds < 0.01 ? 1 : 0 }).format(seconds * 1000);
  }
  const at = Math.max(0, spans.findIndex(([size]) => seconds >= size));
  const [size, name] = seconds < 1 ? spans[3] : spans[at];
  const short = (n, u) => by(Intl.NumberFormat, { style: 'unit', unit: u, unitDisplay: 'short', maximumFractionDigits: 0 }).format(n);
  const whole = Math.floor(seconds / size);
  const next = spans[at + 1];
  const rest = next ? Math.floor((seconds - whole * size) / next[0]) : 0;
  return short(whole, name) + (rest && seconds >= 1 ? ' ' + short(rest, next[1]) : '');
}

// date returns a Date for a time of the API, or null for none.
export function date(text) {
  if (!text) return null;
  const d = new Date(text);
  return Number.isNaN(d.getTime()) || d.getUTCFullYear() < 1971 ? null : d;
}

export function time(text) {
  const d = date(text);
  return d ? by(Intl.DateTimeFormat, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }).format(d) : '';
}

export function day(text) {
  const d = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(text + 'T00:00:00') : date(text);
  return d ? by(Intl.DateTimeFormat, { dateStyle: 'medium' }).format(d) : '';
}

// clock is the time of a day, to the second.
export function clock(text) {
  const d = date(text);
  return d ? by(Intl.DateTimeFormat, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(d) : '';
}

// ago is how far a time is from now, in words.
export function ago(text) {
  const d = date(text);
  if (!d) return '';
  const seconds = (d.getTime() - Date.now()) / 1000;
  const [size, name] = spans.find(([s]) => Math.abs(seconds) >= s) || spans[3];
  return by(Intl.RelativeTimeFormat, { numeric: 'auto' }).format(Math.trunc(seconds / size), name);
}
