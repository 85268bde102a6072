// People and devices: everybody who may come in, and who is new.

import { h, said } from '../dom.js';
import { t } from '../text.js';
import { ask, get, part, query, Fault } from '../api.js';
import { day, number } from '../format.js';
import { openForm, field } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, { signal, can }) {
  const list = table.make({
    caption: t('people.all'), rowKey: (u) => u.name, sort: 'name',
    search: (u) => [u.name, u.full_name, u.email, ...(u.groups || []), u.source].filter(Boolean).join(' '),
    columns: [
      { key: 'name', label: t('user.name'), order: (u) => u.name, show: (u) => [h('a', { href: '#/person/' + part(u.name) }, said(u.name, 60)), u.full_name ? h('div', { class: 'minor' }, said(u.full_name, 80)) : null] },
      { key: 'state', label: t('user.state'), order: (u) => u.state || '', show: (u) => state(u) },
      { key: 'groups', label: t('user.groups'), order: (u) => (u.groups || []).join(' '), show: (u) => (u.groups || []).map((g) => [h('span', { class: 'tag quiet' }, said(g, 40)), ' ']) },
      { key: 'devices', label: t('user.devices'), number: true, order: (u) => u.devices, show: (u) => number(u.devices) },
      { key: 'signs', label: t('user.signs'), show: (u) => said(u.signs_in || '', 80) },
      { key: 'expires', label: t('user.expires'), order: (u) => u.expires || '9', show: (u) => (u.expires ? day(u.expires) : '') },
    ],
    empty: h('div', {}, h('p', {}, t('people.empty')), can('administer') ? h('p', {}, t('people.empty.next')) : null),
  });
  const load = async () => list.set((await all(signal)));
  content.append(h('div', { class: 'actions start' },
    can('administer') ? h('button', { type: 'button', on: { click: () => add(load) } }, t('people.add')) : null,
    h('a', { href: '#/groups', class: 'button plain' }, t('groups'))), list.element);
  await load();
}

// all asks for all users that are wanted, page after page.
export async function all(signal, wanted = {}) {
  const users = [];
  for (let after = ''; ;) {
    const answer = await get('/v1/users' + query({ limit: 500, ...wanted, after }), signal);
    users.push(...(answer.users || []));
    if (!answer.next || answer.next === after) return users;
    after = answer.next;
  }
}

// state is whether a user or a device may come in, as a mark.
export function state(one) {
  const s = one.state || (one.disabled ? 'disabled' : 'active');
  return h('span', { class: 'tag ' + (s === 'active' ? 'good' : 'bad') }, t('state.' + s));
}

function add(load) {
  const name = field('user.name', { name: 'name', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', hint: t('user.name.hint') });
  const full = field('user.full', { name: 'full_name', autocomplete: 'off' });
  const email = field('user.email', { name: 'email', type: 'email', autocomplete: 'off' });
  const groups = field('user.groups', { name: 'groups', autocomplete: 'off', hint: t('user.groups.hint') });
  openForm(t('people.add'), t('add'), async () => {
    await ask('POST', '/v1/users', {
      name: name.input.value.trim(),
      ...(full.input.value.trim() ? { full_name: full.input.value.trim() } : {}),
      ...(email.input.value.trim() ? { email: email.input.value.trim() } : {}),
      ...(groups.input.value.trim() ? { groups: words(groups.input.value) } : {}),
    });
    location.hash = '#/person/' + part(name.input.value.trim());
    await load();
  }, name, full, email, groups);
}

// ends is when something ends, of a day or of a time from now such as 30d; null for nothing.
export function ends(text) {
  if (!text) return null;
  const span = /^(\d+)([hdw])$/.exec(text);
  const at = span ? new Date(Date.now() + span[1] * { h: 3600e3, d: 86400e3, w: 604800e3 }[span[2]]) : new Date(text + 'T23:59:59');
  if (Number.isNaN(at.getTime())) throw new Fault(0, '', t('expires.wrong'), t('expires.hint'));
  return at.toISOString();
}

// words are the words of a text that commas or spaces divide.
export function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}
