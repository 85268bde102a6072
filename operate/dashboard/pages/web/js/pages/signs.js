// How a person signs in, for whoever manages them: the app for codes, and passkeys.

import { h, said, visible, announce } from '../dom.js';
import { t, tn, section } from '../text.js';
import { ask, get, part } from '../api.js';
import { time } from '../format.js';
import { confirm, open, openForm, closer, field } from '../dialog.js';
import { picture } from '../handed.js';
import * as table from '../table.js';

// buttons are what can be done about a user's app for codes.
export function buttons(user, path, again) {
  const at = path + '/totp';
  const name = said(user.name, 60);
  return [
    user.code
      ? button('code.again', () => confirm(t('code.again'), tn('code.again.happens', { name }), t('code.again.do'), () => begin(at, true, again)))
      : button('code.begin', () => confirm(t('code.begin'), tn('code.begin.happens', { name }), t('code.again.do'), () => begin(at, false, again))),
    user.code ? button('code.recovery', () => confirm(t('code.recovery'), tn('code.recovery.happens', { name }), t('code.recovery.do'), async () => recovery((await ask('POST', at, { step: 'recovery' })).recovery, again))) : null,
    user.code ? button('code.remove', () => confirm(t('code.remove'), tn('code.remove.happens', { name }), t('remove'), async () => {
      await ask('POST', at, { step: 'remove' });
      announce(t('code.removed'));
      again();
    })) : null,
  ];
}

function button(key, click) {
  return h('button', { type: 'button', class: 'plain', on: { click } }, t(key));
}

// begin makes a key, shows it, and asks for a code of the app that has it.
async function begin(at, anew, again) {
  const { key, url, qr } = await ask('POST', at, { step: 'begin', ...(anew ? { again: true } : {}) });
  const code = field('signin.code', { name: 'code', inputmode: 'numeric', autocomplete: 'off', required: true, hint: t('code.confirm.hint') });
  let confirmed = false; // then the recovery codes take the dialog's place
  setTimeout(() => {
    const dialog = openForm(t('code.begin'), t('code.confirm'), async () => {
      const made = await ask('POST', at, { step: 'confirm', code: code.input.value.trim() });
      confirmed = true;
      recovery(made.recovery, again);
    }, h('p', {}, t('code.scan')), h('p', { class: 'qr' }, h('img', { src: picture(qr), alt: t('code.qr'), width: 232, height: 232 })),
    h('p', {}, t('code.key')), h('p', { class: 'code' }, key),
    url.startsWith('otpauth:') ? h('p', {}, h('a', { href: url }, t('signin.enrol.open'))) : null, code);
    dialog.addEventListener('close', () => { if (!confirmed) again(); });
  });
}

// recovery shows codes that nobody is shown again.
function recovery(codes, again) {
  setTimeout(() => {
    const dialog = open(t('code.recovery.title'), h('p', {}, t('code.recovery.hint')), h('ul', { class: 'code' }, (codes || []).map((c) => h('li', {}, c))), h('div', { class: 'actions' }, closer()));
    dialog.addEventListener('close', () => again());
  });
}

// passkeys has those of a user, and removes them.
export async function passkeys(user, path, may, signal) {
  const at = path + '/passkeys';
  const load = async () => list.set((await get(at, signal)).passkeys || []);
  const columns = [
    { key: 'name', label: t('passkey.name'), order: (k) => k.name, show: (k) => said(k.name, 60) },
    { key: 'created', label: t('passkey.created'), order: (k) => k.created, show: (k) => time(k.created) },
    { key: 'used', label: t('passkey.used'), order: (k) => k.used || '', show: (k) => (k.used ? time(k.used) : t('never')) },
  ];
  if (may) {
    columns.push({
      key: 'do', label: '', show: (k) => h('button', {
        type: 'button', class: 'plain', 'aria-label': t('remove') + ': ' + visible(k.name), on: {
          click: () => confirm(t('passkey.remove.title'), tn('passkeys.theirs.happens', { passkey: said(k.name, 60), name: said(user.name, 60) }), t('remove'), async () => {
            await ask('DELETE', at + '/' + part(k.id));
            announce(t('passkeys.theirs.removed'));
            await load();
          }),
        },
      }, t('remove')),
    });
  }
  const list = table.make({ caption: t('passkeys.theirs'), columns, rowKey: (k) => k.id, sort: 'created', empty: h('p', {}, t('passkeys.theirs.empty')) });
  await load();
  return section('passkeys.title', {}, list.element);
}
