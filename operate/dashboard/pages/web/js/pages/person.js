// A person: who they are, how they sign in, and their devices.

import { h, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part } from '../api.js';
import { day, time, ago, bytes } from '../format.js';
import { confirm, openForm, field } from '../dialog.js';
import * as table from '../table.js';
import * as handed from '../handed.js';
import * as signs from './signs.js';
import { state, words, ends } from './people.js';

export async function show(content, about) {
  const { signal, can, parameters: [name], again } = about;
  const path = '/v1/users/' + part(name);
  const user = await get(path, signal);
  about.titled(visible(name), said(name, 80));
  const may = can('administer');
  const steers = can('operate'); // disables and enables
  content.append(h('p', {}, h('a', { href: '#/people' }, t('person.back'))), facts(user), steers ? actions(user, path, again, may) : '');
  const list = devices(user, steers, may, again);
  content.append(h('div', { class: 'actions start' }, may ? h('button', { type: 'button', on: { click: () => addDevice(user, again) } }, t('device.add')) : null), list.element);
  list.set(user.device_list || []);
  content.append(await signs.passkeys(user, path, may, signal));
}

function facts(u) {
  const rows = [
    ['user.state', [state(u), u.gone ? [' ', said(u.gone, 300)] : null]],
    ['user.full', u.full_name && said(u.full_name)],
    ['user.email', u.email && said(u.email)],
    ['user.groups', (u.groups || []).length > 0 && u.groups.map((g) => [h('span', { class: 'tag quiet' }, said(g, 40)), ' '])],
    ['user.source', u.source && said(u.source)],
    ['user.password', t(u.password ? 'set' : 'notset')],
    ['user.code', t(u.code ? 'set' : 'notset')],
    ['user.created', u.created && time(u.created)],
    ['user.expires', u.expires ? [day(u.expires), ' (', ago(u.expires), ')'] : t('never')],
    ['user.limit', u.max_devices ?? null],
  ].filter(([, v]) => v);
  return h('dl', { class: 'facts card' }, rows.map(([key, v]) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, v))));
}

function actions(u, path, again, may) {
  const name = said(u.name, 60);
  const patch = async (body, done) => { await ask('PATCH', path, body); announce(t(done)); again(); };
  const disabled = u.disabled || u.state === 'disabled';
  return h('div', { class: 'actions start' },
    may ? [button('user.edit', () => edit(u, patch)), u.source ? null : button('user.password.set', () => setPassword(path, again)), signs.buttons(u, path, again)] : null,
    disabled
      ? button('enable', () => patch({ disabled: false }, 'user.enabled'))
      : button('disable', () => confirm(t('user.disable.title'), tn('user.disable.happens', { name }), t('disable'), () => patch({ disabled: true }, 'user.disabled'))),
    may ? button('remove', () => confirm(t('user.remove.title'), tn('user.remove.happens', { name, n: u.devices }), t('remove'), async () => {
      await ask('DELETE', path);
      announce(t('user.removed'));
      location.hash = '#/people';
    })) : null);
}

function button(key, click, label) {
  return h('button', { type: 'button', class: 'plain', 'aria-label': label, on: { click } }, t(key));
}

function edit(u, patch) {
  const full = field('user.full', { name: 'full_name', value: u.full_name || '', autocomplete: 'off' });
  const email = field('user.email', { name: 'email', type: 'email', value: u.email || '', autocomplete: 'off' });
  const groups = field('user.groups', { name: 'groups', value: (u.groups || []).join(' '), autocomplete: 'off', hint: t('user.groups.hint') });
  const expires = field('user.expires', { name: 'expires', value: u.expires ? u.expires.slice(0, 10) : '', autocomplete: 'off', hint: t('expires.hint') });
  openForm(t('user.edit'), t('save'), async () => {
    const body = {};
    const take = (key, value, was) => { if (value !== (was || '')) body[key] = value; };
    take('full_name', full.input.value.trim(), u.full_name);
    take('email', email.input.value.trim(), u.email);
    if (words(groups.input.value).sort().join(' ') !== [...(u.groups || [])].sort().join(' ')) body.groups = words(groups.input.value);
    if (expires.input.value.trim() !== (u.expires ? u.expires.slice(0, 10) : '')) body.expires = ends(expires.input.value.trim());
    await patch(body, 'saved');
  }, full, email, groups, expires);
}

function setPassword(path, again) {
  const one = field('user.password.new', { name: 'password', type: 'password', autocomplete: 'new-password', required: true, hint: t('user.password.hint') });
  openForm(t('user.password.set'), t('save'), async () => {
    await ask('PUT', path + '/password', { password: one.input.value });
    announce(t('saved'));
    again();
  }, one);
}

function devices(u, steers, may, again) {
  const columns = [
    { key: 'name', label: t('device.name'), order: (d) => d.name, show: (d) => [said(d.name, 60), h('div', { class: 'minor' }, said(d.common_name, 80))] },
    { key: 'state', label: t('user.state'), order: (d) => d.state || '', show: (d) => [state(d), d.expires ? h('div', { class: 'minor' }, t('device.until', { day: day(d.expires) })) : null] },
    { key: 'address', label: t('peer.inside'), show: (d) => [d.ipv4, d.ipv6].filter(Boolean).map((a) => h('div', { class: 'code' }, a)) },
    { key: 'seen', label: t('device.seen'), order: (d) => d.last_seen || '', show: (d) => (d.last_seen ? h('time', { datetime: d.last_seen, title: time(d.last_seen) }, ago(d.last_seen)) : t('never')) },
    { key: 'usage', label: t('device.usage'), number: true, order: (d) => d.bytes_in + d.bytes_out, show: (d) => bytes(d.bytes_in + d.bytes_out) },
  ];
  if (steers) columns.push({ key: 'do', label: '', show: (d) => deviceActions(d, again, may) });
  return table.make({ caption: t('devices'), columns, rowKey: (d) => d.common_name || d.name, sort: 'name', empty: h('p', {}, t('devices.empty')) });
}

function deviceActions(d, again, may) {
  const path = '/v1/devices/' + part(d.common_name);
  const name = said(d.common_name, 80);
  const label = (key) => t(key) + ': ' + visible(d.common_name);
  const patch = async (body, done) => { await ask('PATCH', path, body); announce(t(done)); again(); };
  const disabled = d.disabled || d.state === 'disabled';
  const able = disabled
    ? button('enable', () => patch({ disabled: false }, 'device.enabled'), label('enable'))
    : button('disable', () => confirm(t('device.disable.title'), tn('device.disable.happens', { name }), t('disable'), () => patch({ disabled: true }, 'device.disabled')), label('disable'));
  if (!may) return h('div', { class: 'actions' }, able);
  return h('div', { class: 'actions' },
    button('device.renew', () => confirm(t('device.renew.title'), tn('device.renew.happens', { name }), t('device.renew'), async () => {
      const made = await ask('POST', path + '/renew', { link: '24h' });
      setTimeout(() => handed.show(made, again));
    }), label('device.renew')),
    able,
    button('revoke', () => confirm(t('device.revoke.title'), tn('device.revoke.happens', { name }), t('revoke'), async () => {
      await ask('POST', '/v1/revoke', { name: d.common_name });
      announce(t('device.revoked'));
      again();
    }), label('revoke')),
    button('remove', () => confirm(t('device.remove.title'), tn('device.remove.happens', { name }), t('remove'), async () => {
      await ask('DELETE', path);
      announce(t('device.removed'));
      again();
    }), label('remove')));
}

function addDevice(u, again) {
  const name = field('device.name', { name: 'device', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', hint: t('device.name.hint') });
  const link = field('device.link', { name: 'link', element: 'select', hint: t('device.link.hint'), children: ['1h', '24h', '168h', ''].map((v) => h('option', { value: v, selected: v === '24h' }, t('link.' + (v || 'none')))) });
  const expires = field('user.expires', { name: 'expires', autocomplete: 'off', hint: t('expires.hint') });
  openForm(t('device.add'), t('add'), async () => {
    const made = await ask('POST', '/v1/devices', {
      user: u.name, name: name.input.value.trim(), ...(link.input.value ? { link: link.input.value } : {}),
      ...(expires.input.value.trim() ? { expires: ends(expires.input.value.trim()) } : {}),
    });
    setTimeout(() => handed.show(made, again));
  }, name, link, expires);
}
