// A group: who is in it.

import { h, said, visible, announce } from '../dom.js';
import { t, tn } from '../text.js';
import { ask, part } from '../api.js';
import { confirm, openForm, field } from '../dialog.js';
import * as table from '../table.js';
import { all, words } from './people.js';

export async function show(content, about) {
  const { signal, can, parameters: [name] } = about;
  const path = '/v1/groups/' + part(name);
  about.titled(visible(name), said(name, 80));
  const may = can('administer') && name !== 'everyone'; // all are in that one
  const load = async () => list.set(await all(signal, { group: name }));
  const columns = [
    { key: 'name', label: t('user.name'), order: (u) => u.name, show: (u) => h('a', { href: '#/person/' + part(u.name) }, said(u.name, 60)) },
    { key: 'full', label: t('user.full'), order: (u) => u.full_name || '', show: (u) => said(u.full_name || '', 80) },
  ];
  if (may) {
    columns.push({
      key: 'do', label: '', show: (u) => h('button', {
        type: 'button', class: 'plain', 'aria-label': t('group.out') + ': ' + visible(u.name), on: {
          click: () => confirm(t('group.out.title'), tn('group.out.happens', { name: said(u.name, 60), group: said(name, 60) }), t('group.out'), async () => {
            await ask('PATCH', path, { remove: [u.name] });
            announce(t('group.out.done'));
            await load();
          }),
        },
      }, t('group.out')),
    });
  }
  const list = table.make({ caption: t('group.members'), columns, rowKey: (u) => u.name, search: (u) => u.name + ' ' + (u.full_name || ''), sort: 'name', empty: h('p', {}, t('group.members.empty')) });
  content.append(h('p', {}, h('a', { href: '#/groups' }, t('group.back'))),
    h('div', { class: 'actions start' }, may ? h('button', { type: 'button', on: { click: () => put(path, load) } }, t('group.put')) : null), list.element);
  await load();
}

function put(path, load) {
  const names = field('group.into', { name: 'add', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', hint: t('group.into.hint') });
  openForm(t('group.put'), t('add'), async () => {
    await ask('PATCH', path, { add: words(names.input.value) });
    announce(t('saved'));
    await load();
  }, names);
}
