// Account: who is signed in, their passkeys, and the way out.

import { h, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part } from '../api.js';
import { time } from '../format.js';
import { confirm, openForm, field } from '../dialog.js';
import { able, challenge, attestation } from '../passkey.js';
import * as table from '../table.js';

export async function show(content, { signal, process }) {
  const me = process.me || {};
  content.append(h('dl', { class: 'facts card' }, [
    ['account.name', said(me.name || t('account.you'), 80)], ['account.scope', t('scope.' + me.scope)], ['account.via', said(me.via || '', 80)],
  ].map(([key, v]) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, v)))));
  content.append(h('div', { class: 'actions start' }, h('button', {
    type: 'button', class: 'plain', on: {
      click: async () => {
        await ask('POST', '/auth/out');
        window.dispatchEvent(new Event('signed-out'));
      },
    },
  }, t('account.out'))));
  await passkeys(content, signal);
}

async function passkeys(content, signal) {
  const state = await get('/auth/state', signal);
  if (!state.can_enrol) return;
  if (state.offer_second) content.append(h('p', { class: 'notice' }, t('account.second')));
  const answer = await get('/auth/passkeys', signal);
  const list = table.make({
    caption: t('passkeys'), rowKey: (k) => k.id, empty: h('div', {}, h('p', {}, t('passkeys.empty')), h('p', {}, t('passkeys.empty.next'))),
    columns: [
      { key: 'name', label: t('passkey.name'), order: (k) => k.name || '', show: (k) => said(k.name || k.id, 60) },
      { key: 'created', label: t('passkey.created'), order: (k) => k.created || '', show: (k) => time(k.created) },
      { key: 'used', label: t('passkey.used'), order: (k) => k.used || '', show: (k) => (k.used ? time(k.used) : t('never')) },
      {
        key: 'do', label: '', show: (k) => h('button', {
          type: 'button', class: 'plain', 'aria-label': t('remove') + ': ' + visible(k.name || k.id), on: {
            click: () => confirm(t('passkey.remove.title'), tn('passkey.remove.happens', { name: said(k.name || k.id, 60) }), t('remove'), async () => {
              await ask('DELETE', '/auth/passkeys/' + part(k.id));
              await load();
            }),
          },
        }, t('remove')),
      },
    ],
  });
  const load = async () => list.set((await get('/auth/passkeys', signal)).passkeys || []);
  content.append(section('passkeys.title', {}, able() ? h('div', { class: 'actions start' }, h('button', { type: 'button', on: { click: () => add(load) } }, t('passkey.add'))) : h('p', {}, t('passkey.unable')), list.element));
  list.set(answer.passkeys || []);
}

function add(load) {
  const name = field('passkey.name', { name: 'name', required: true, autocomplete: 'off', hint: t('passkey.name.hint') });
  openForm(t('passkey.add'), t('add'), async () => {
    const made = await navigator.credentials.create(challenge(await ask('POST', '/auth/passkeys/begin')));
    await ask('POST', '/auth/passkeys/finish', { name: name.input.value.trim(), credential: attestation(made) });
    announce(t('saved'));
    await load();
  }, name);
}
