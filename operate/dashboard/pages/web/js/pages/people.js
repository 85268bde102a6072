// People and devices: everybody who may come in, and who is new.

import { h, said } from '../dom.js';
import { t } from '../text.js';
import { ask, get, part } from '../api.js';
import { day, number } from '../format.js';
import { openForm, field } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, { signal, can }) {
  const list = table.make({
    caption: t('people.all'), rowKey: (u) => u.name, sort: 'name',
    search: (u) => [u.name, u.full_name, u.email, ...(u.groups || []), u.source, ...(u.devices || []).map((d) => d.name)].filter(Boolean).join(' '),
    columns: [
      { key: 'name', label: t('user.name'), order: (u) => u.name, show: (u) => [h('a', { href: '#/person/' + part(u.name) }, said(u.name, 60)), u.full_name ? h('div', { class: 'minor' }, said(u.full_name, 80)) : null] },
      { key: 'state', label: t('user.state'), order: (u) => u.state || '', show: (u) => state(u) },
      { key: 'groups', label: t('user.groups'), order: (u) => (u.groups || []).join(' '), show: (u) => (u.groups || []).map((g) => [h('span', { class: 'tag quiet' }, said(g, 40)), ' ']) },
      { key: 'devices', label: t('user.devices'), number: true, order: (u) => devices(u), show: (u) => number(devices(u)) },
      { key: 'signs', label: t('user.signs'), show: (u) => ways(u) },
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

// all asks for all users, page after page.
async function all(signal) {
  const users = [];
  for (let after = ''; ;) {
    const answer = await get('/v1/users?limit=500' + (after ? '&after=' + part(after) : ''), signal);
    users.push(...(answer.users || []));
    if (!answer.next || answer.next === after) return users;
    after = answer.next;
  }
}

function devices(u) {
  return Array.isArray(u.devices) ? u.devices.length : u.devices || 0;
}

// state is whether a user or a device may come in, as a mark.
export function state(one) {
  const s = one.state || (one.disabled ? 'disabled' : 'active');
  return h('span', { class: 'tag ' + (s === 'active' ? 'good' : 'bad') }, t('state.' + s));
}

function ways(u) {
  const list = [u.source ? u.source : null, u.password ? t('user.password') : null, u.code ? t('user.code') : null].filter(Boolean);
  return list.join(', ');
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

// words are the words of a text that commas or spaces divide.
export function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}
