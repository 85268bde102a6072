// A picture of values over time: lines in SVG, with the same in words and as a table.

import { h, fill, say } from './dom.js';
import { t } from './text.js';
import { clock } from './format.js';

const height = 180;
const below = 22; // for the times
const aside = 8;

// make makes a chart of series [{ key, label }] whose values format writes. It returns
// { element, set({ step, until, values: { key: [numbers] } }) }; step is in seconds.
export function make({ caption, series, format, signal }) {
  const picture = h('svg', { role: 'img', class: 'chart', height, width: '100%' });
  const legend = h('ul', { class: 'legend' });
  const entries = series.map((s, i) => ({ ...s, i, now: h('span', { class: 'now' }) }));
  legend.append(...entries.map((s) => h('li', {}, h('span', { class: 'swatch series-' + s.i, 'aria-hidden': 'true' }), ' ', s.label, ' ', s.now)));
  const asTable = h('div', {});
  const details = h('details', {}, h('summary', {}, t('chart.table')), asTable);
  const element = h('figure', {}, h('figcaption', {}, caption), legend, picture, details);
  let data = null;

  const draw = () => {
    if (!data) return;
    drawLines(picture, data, series, format);
    for (const s of entries) say(s.now, format(data.values[s.key].at(-1) || 0));
    picture.setAttribute('aria-label', caption + ': ' + inWords(data, series, format));
    if (details.open) fill(asTable, minutes(data, series, format, caption));
  };
  const observer = new ResizeObserver(draw);
  observer.observe(element);
  signal.addEventListener('abort', () => observer.disconnect());
  details.addEventListener('toggle', draw);
  return { element, set(d) { data = d; draw(); } };
}

function drawLines(picture, data, series, format) {
  const width = Math.max(200, Math.floor(picture.getBoundingClientRect().width));
  picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const top = nice(Math.max(1, ...series.flatMap((s) => data.values[s.key])));
  const y = (v) => (height - below) - (v / top) * (height - below - 20);
  const parts = [0, 0.5, 1].map((f) => h('line', { class: 'grid', x1: 0, x2: width, y1: y(top * f), y2: y(top * f) }));
  const marks = width < 420 ? [0, 1] : [0, 0.5, 1];
  const count = Math.max(...series.map((s) => data.values[s.key].length));
  const until = new Date(data.until).getTime();
  for (const f of marks) {
    const at = new Date(until - (1 - f) * (count - 1) * data.step * 1000);
    parts.push(h('text', { x: f * width, y: height - aside + 2, 'text-anchor': f === 0 ? 'start' : f === 1 ? 'end' : 'middle' }, clock(at.toISOString())));
  }
  series.forEach((s, i) => {
    const values = thin(data.values[s.key], width);
    const x = (n) => (values.length < 2 ? width : (n / (values.length - 1)) * width);
    const line = values.map((v, n) => `${n ? 'L' : 'M'}${x(n).toFixed(1)} ${y(v).toFixed(1)}`).join('');
    if (i === 0 && line) parts.push(h('path', { class: 'area', d: `${line}L${width} ${y(0)}L0 ${y(0)}Z` }));
    parts.push(h('path', { class: 'line series-' + i, d: line }));
  });
  for (const f of [0.5, 1]) parts.push(h('text', { x: 0, y: y(top * f) - 5 }, format(top * f)));
  fill(picture, parts);
}

// thin keeps the highest of values that would be drawn at the same place.
function thin(values, width) {
  const size = Math.ceil(values.length / width);
  if (size <= 1) return values;
  const thinned = [];
  for (let i = 0; i < values.length; i += size) thinned.push(Math.max(...values.slice(i, i + size)));
  return thinned;
}

// nice is the next round number at or above n, in steps that divide well.
export function nice(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((f) => f * power).find((f) => f >= n);
}

function inWords(data, series, format) {
  return series.map((s) => {
    const values = data.values[s.key];
    return t('chart.words', { label: s.label, now: format(values.at(-1) || 0), most: format(Math.max(0, ...values)) });
  }).join('; ');
}

function minutes(data, series, format, caption) {
  const count = Math.max(...series.map((s) => data.values[s.key].length));
  const per = Math.max(1, Math.round(60 / data.step));
  const until = new Date(data.until).getTime();
  const rows = [];
  for (let end = count; end > 0; end -= per) {
    const at = new Date(until - (count - end) * data.step * 1000);
    const means = series.map((s) => {
      const values = data.values[s.key].slice(Math.max(0, end - per), end);
      return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
    });
    rows.push(h('tr', {}, h('th', { scope: 'row' }, clock(at.toISOString())), means.map((m) => h('td', { class: 'number' }, format(m)))));
  }
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('chart.table') },
    h('table', { class: 'small' }, h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('chart.until')), series.map((s) => h('th', { scope: 'col', class: 'number' }, s.label)))),
      h('tbody', {}, rows)));
}
