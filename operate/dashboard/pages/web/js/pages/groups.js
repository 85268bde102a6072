// Groups: what people have in common.

import { h, said, visible, announce } from '../dom.js';
import { t, tn } from '../text.js';
import { ask, get, part } from '../api.js';
import { confirm, openForm, field } from '../dialog.js';
import * as table from '../table.js';

export async function show(content, about) {
  const { signal, can } = about;
  about.titled(t('groups'));
  const may = can('administer');
  const load = async () => list.set((await get('/v1/groups', signal)).groups || []);
  const columns = [
    { key: 'name', label: t('group.name'), order: (g) => g.name, show: (g) => h('a', { href: '#/group/' + part(g.name) }, said(g.name, 60)) },
    { key: 'require', label: t('group.require'), show: (g) => (g.require?.length ? said(ways(g.require), 200) : t('group.require.none')) },
    { key: 'max', label: t('user.limit'), number: true, order: (g) => g.max_devices ?? -1, show: (g) => g.max_devices ?? '' },
  ];
  if (may) {
    columns.push({
      key: 'do', label: '', show: (g) => h('div', { class: 'actions' },
        h('button', { type: 'button', class: 'plain', 'aria-label': t('edit') + ': ' + visible(g.name), on: { click: () => edit(g, load) } }, t('edit')),
        g.name === 'everyone' ? null : h('button', { type: 'button', class: 'plain', 'aria-label': t('remove') + ': ' + visible(g.name), on: { click: () => confirm(t('group.remove.title'), tn('group.remove.happens', { name: said(g.name, 60) }), t('remove'), async () => { await ask('DELETE', '/v1/groups/' + part(g.name)); announce(t('group.removed')); await load(); }) } }, t('remove'))),
    });
  }
  const list = table.make({ caption: t('groups'), columns, rowKey: (g) => g.name, sort: 'name', empty: h('p', {}, t('groups.empty')) });
  content.append(h('p', {}, h('a', { href: '#/people' }, t('person.back'))),
    h('div', { class: 'actions start' }, may ? h('button', { type: 'button', on: { click: () => add(load) } }, t('group.add')) : null), list.element);
  await load();
}

function ways(require) {
  return Array.isArray(require) ? require.map((w) => (Array.isArray(w) ? w.join('+') : w)).join(', ') : require;
}

function fields(g) {
  return {
    require: field('group.require', { name: 'require', value: g?.require ? ways(g.require) : '', autocomplete: 'off', hint: t('group.require.hint') }),
    most: field('user.limit', { name: 'max_devices', type: 'number', min: 0, value: g?.max_devices ?? '' }),
  };
}

function values(f) {
  return {
    ...(f.require.input.value.trim() ? { require: f.require.input.value.trim() } : {}),
    ...(f.most.input.value === '' ? {} : { max_devices: Number(f.most.input.value) }),
  };
}

function add(load) {
  const name = field('group.name', { name: 'name', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const f = fields();
  openForm(t('group.add'), t('add'), async () => {
    await ask('POST', '/v1/groups', { name: name.input.value.trim(), ...values(f) });
    await load();
  }, name, f.require, f.most);
}

function edit(g, load) {
  const f = fields(g);
  openForm(t('edit') + ': ' + visible(g.name), t('save'), async () => {
    await ask('PATCH', '/v1/groups/' + part(g.name), values(f));
    await load();
  }, f.require, f.most);
}
