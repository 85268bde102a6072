// Tables that are searched, sorted and updated in place: a row that stays keeps its focus.

import { h, fill, say, id } from './dom.js';
import { t } from './text.js';
import { number } from './format.js';

const batch = 100;

// make makes a table. Options:
//   caption  its title as text
//   columns  [{ key, label, show: row => node or text, text: row => string that show depends on,
//              order: row => value to sort by, number: whether it is one }]
//   rowKey   row => what names the row
//   search   row => text that is searched, or none for a table without a search
//   sort     key of the column that it is sorted by first; reverse: downwards
//   empty    a node shown where there are no rows
//   further  gets more rows from the server, where set said that there are; a promise
// It returns { element, set(rows, whether there are more) }.
export function make(options) {
  const { caption, columns, rowKey, search, empty, further } = options;
  const state = { rows: [], partial: false, sort: options.sort, down: Boolean(options.reverse), words: '', most: batch, made: new Map() };
  const body = h('tbody', { role: 'rowgroup' });
  const heads = columns.map((c) => head(c, state, () => draw()));
  const count = h('p', { class: 'count', role: search || further ? 'status' : null });
  const table = h('table', { role: 'table' }, h('caption', {}, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map((x) => x.element))), body);
  const more = h('button', { type: 'button', class: 'plain', on: { click: act } }, t('table.more'));
  const nothing = h('div', { class: 'empty' });
  const element = h('div', { class: 'table' }, search ? searchBox(caption, state, () => { state.most = batch; draw(); }) : null,
    table, nothing, h('div', { class: 'under' }, count, more));

  async function act() {
    state.most += batch;
    draw();
    if (state.rows.length >= state.most || !state.partial) return;
    more.disabled = true;
    await further();
    more.disabled = false;
  }

  function draw() {
    const found = chosen(state, columns, search);
    const shown = found.slice(0, state.most);
    for (const x of heads) x.mark();
    rows(body, shown, columns, rowKey, state.made);
    table.hidden = found.length === 0;
    more.hidden = found.length <= state.most && !state.partial;
    nothing.hidden = found.length > 0;
    if (found.length === 0) fill(nothing, state.rows.length === 0 ? empty : h('p', {}, t('table.none')));
    if (state.partial) say(count, t('table.count.latest', { n: number(shown.length), count: shown.length }));
    else say(count, search && state.rows.length > 0 ? counted(shown.length, found.length, state.rows.length) : '');
  }
  return { element, set(list, partial = false) { Object.assign(state, { rows: list, partial }); draw(); } };
}

function counted(n, found, all) {
  if (n < found) return t('table.count.first', { n, found });
  return found < all ? t('table.count.found', { found, all }) : t('table.count', { all });
}

function searchBox(caption, state, draw) {
  const name = id('search');
  return h('div', { class: 'search', role: 'search', 'aria-label': caption },
    h('label', { for: name }, t('table.search')),
    h('input', { id: name, type: 'search', autocomplete: 'off', spellcheck: 'false', on: { input: (e) => { state.words = e.target.value; draw(); } } }));
}

function head(column, state, draw) {
  const attributes = { scope: 'col', role: 'columnheader', class: column.number ? 'number' : null };
  if (!column.order) return { element: h('th', attributes, column.label || h('span', { class: 'unseen' }, t('table.actions'))), mark() {} };
  const arrow = h('span', { class: 'arrow', 'aria-hidden': 'true' });
  const element = h('th', attributes, h('button', {
    type: 'button', class: 'sort', on: {
      click: () => {
        if (state.sort === column.key) state.down = !state.down;
        else { state.sort = column.key; state.down = Boolean(column.number); }
        draw();
      },
    },
  }, column.label, arrow));
  return {
    element,
    mark() {
      const here = state.sort === column.key;
      element.setAttribute('aria-sort', here ? (state.down ? 'descending' : 'ascending') : 'none');
      say(arrow, here ? (state.down ? ' ▾' : ' ▴') : '');
    },
  };
}

function chosen(state, columns, search) {
  const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = search && words.length ? state.rows.filter((r) => {
    const text = search(r).toLowerCase();
    return words.every((w) => text.includes(w));
  }) : [...state.rows];
  const order = columns.find((c) => c.key === state.sort)?.order;
  if (!order) return found;
  const sign = state.down ? -1 : 1;
  return found.map((row) => [order(row), row]).sort(([a], [b]) => sign * compare(a, b)).map(([, row]) => row);
}

function compare(a, b) {
  if (typeof a === 'string' && typeof b === 'string') return a.localeCompare(b, undefined, { numeric: true });
  return (a ?? 0) < (b ?? 0) ? -1 : (a ?? 0) > (b ?? 0) ? 1 : 0;
}

// rows makes the rows of a body those that are given, in their order, and changes what changed.
function rows(body, shown, columns, rowKey, made) {
  const keep = new Set();
  let before = body.firstChild;
  for (const row of shown) {
    const key = rowKey(row);
    keep.add(key);
    let one = made.get(key);
    if (!one) {
      one = { element: h('tr', { role: 'row' }), cells: [] };
      one.cells = columns.map((c, i) => {
        const cell = i === 0 ? h('th', { scope: 'row', role: 'rowheader' }) : h('td', { role: 'cell', 'data-label': c.label || null, class: c.number ? 'number' : null });
        one.element.append(cell);
        return { cell, text: null };
      });
      made.set(key, one);
    }
    columns.forEach((c, i) => update(one.cells[i], c, row));
    if (one.element === before) before = before.nextSibling;
    else body.insertBefore(one.element, before);
  }
  for (const [key, one] of made) {
    if (keep.has(key)) continue;
    one.element.remove();
    made.delete(key);
  }
}

function update(one, column, row) {
  const text = column.text ? column.text(row) : null;
  if (text !== null && text === one.text) return;
  one.text = text;
  const shown = column.show ? column.show(row) : text;
  fill(one.cell, shown);
  one.cell.classList.toggle('nothing', one.cell.textContent === '');
}
