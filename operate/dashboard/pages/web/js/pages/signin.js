// Sign-in: a password, a code where one is required, a passkey, or a link that works once.

import { h, fill, said } from '../dom.js';
import { t } from '../text.js';
import { ask, get, problem } from '../api.js';
import { form, field } from '../dialog.js';
import { challenge, assertion, able } from '../passkey.js';

// The fault of a link that did not work, which the page says.
let linkFault = null;

// byLink signs in by the token in the address, if there is one, and takes it out of there.
export async function byLink() {
  const found = /^#\/?link[=/](.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, '', location.pathname + '#/now');
  try {
    await ask('POST', '/auth/link', { token: decodeURIComponent(found[1]) });
  } catch (fault) {
    linkFault = fault;
  }
}

function done() {
  window.dispatchEvent(new Event('signed-in'));
}

export async function show(content, { signal }) {
  const { ways = [], closed, mend } = await get('/auth/state', signal);
  if (linkFault) content.append(problem(linkFault));
  linkFault = null;
  if (closed) content.append(problem({ message: closed, mend }));
  if (ways.length === 0) {
    content.append(h('p', {}, t('signin.bylink')));
    return;
  }
  const box = h('div', { class: 'card' });
  content.append(box);
  passwordStep(box, ways);
}

function passwordStep(box, ways) {
  const name = field('signin.name', { name: 'name', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
  const password = field('signin.password', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const made = form(t('signin.do'), async () => {
    next(box, ways, await ask('POST', '/auth/password', { name: name.input.value, password: password.input.value }));
  }, name, password);
  const faults = h('div', {});
  const passkey = h('button', { type: 'button', class: 'plain', on: { click: () => withPasskey(faults) } }, t('signin.passkey'));
  fill(box, ways.includes('password') ? made : null, ways.includes('passkey') && able() ? h('div', { class: 'or' }, passkey, faults) : null);
  box.querySelector('input, button')?.focus();
}

// next is the pages, or another question.
function next(box, ways, answer) {
  if (answer?.needs === 'code') codeStep(box, ways, answer);
  else done();
}

function codeStep(box, ways, { text, echo, enrol }) {
  const code = field('signin.code', { name: 'code', type: echo ? 'text' : 'password', autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false', required: true, hint: t('signin.code.hint') });
  fill(box, text ? h('p', {}, said(text, 500)) : null, enrol ? enrolment(enrol) : null, form(t('signin.do'), async () => {
    next(box, ways, await ask('POST', '/auth/code', { code: code.input.value.trim() }));
  }, code), h('button', { type: 'button', class: 'plain', on: { click: () => passwordStep(box, ways) } }, t('signin.over')));
  code.input.focus();
}

// enrolment is the key of an app for codes, to be typed there, or opened on a phone.
function enrolment({ secret, uri }) {
  return h('div', {}, h('p', {}, t('signin.enrol')), h('p', { class: 'code' }, secret),
    uri.startsWith('otpauth:') ? h('p', {}, h('a', { href: uri }, t('signin.enrol.open'))) : null);
}

async function withPasskey(faults) {
  fill(faults);
  try {
    const credential = await navigator.credentials.get(challenge(await ask('POST', '/auth/passkey/begin')));
    await ask('POST', '/auth/passkey/finish', { credential: assertion(credential) });
    done();
  } catch (fault) {
    fill(faults, fault instanceof DOMException ? h('div', { class: 'problem', role: 'alert' }, h('p', {}, t('signin.passkey.failed')), h('p', {}, said(fault.message, 300))) : problem(fault));
  }
}
