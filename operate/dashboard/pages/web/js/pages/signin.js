// Sign-in: a password, a code where one is required, a passkey, a provider of OpenID Connect, or
// a link that works once.

import { h, fill, said, visible } from '../dom.js';
import { t } from '../text.js';
import { ask, get, problem } from '../api.js';
import { form, field } from '../dialog.js';
import { challenge, assertion, able } from '../passkey.js';

// The fault of a link that did not work, or of coming back from the provider, which the page says;
// and the question that is asked of who came back.
let arrivalFault = null;
let question = null;

// byLink signs in by the token in the address, if there is one, and takes it out of there.
export async function byLink() {
  const found = /^#\/?link[=/](.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, '', location.pathname + '#/now');
  try {
    await ask('POST', '/auth/link', { token: decodeURIComponent(found[1]) });
  } catch (fault) {
    arrivalFault = fault;
  }
}

// backFromProvider signs in by what the provider has said, if the browser comes from there.
export async function backFromProvider() {
  if (location.hash !== '#oidc') return;
  history.replaceState(null, '', location.pathname + '#/now');
  try {
    const answer = await ask('POST', '/auth/oidc/finish');
    if (answer?.needs) question = answer;
  } catch (fault) {
    arrivalFault = fault;
  }
}

function done() {
  window.dispatchEvent(new Event('signed-in'));
}

export async function show(content, { signal }) {
  const { ways = [], provider, closed, mend } = await get('/auth/state', signal);
  if (arrivalFault) content.append(problem(arrivalFault));
  arrivalFault = null;
  if (closed) content.append(problem({ message: closed, mend }));
  if (ways.length === 0) {
    content.append(h('p', {}, t('signin.bylink')));
    return;
  }
  const box = h('div', { class: 'card' });
  content.append(box);
  const can = { ways, provider };
  const asked = question;
  question = null;
  if (asked) next(box, can, asked);
  else passwordStep(box, can);
}

function passwordStep(box, can) {
  const name = field('signin.name', { name: 'name', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
  const password = field('signin.password', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const made = form(t('signin.do'), async () => {
    next(box, can, await ask('POST', '/auth/password', { name: name.input.value, password: password.input.value }));
  }, name, password);
  const faults = h('div', {});
  const passkey = h('button', { type: 'button', class: 'plain', on: { click: () => withPasskey(faults) } }, t('signin.passkey'));
  const away = h('button', { type: 'button', class: 'plain', on: { click: () => toProvider(away, faults) } }, t('signin.provider', { provider: visible(can.provider || '') }));
  const others = [can.ways.includes('oidc') ? away : null, can.ways.includes('passkey') && able() ? passkey : null].filter(Boolean);
  fill(box, can.ways.includes('password') ? made : null, others.length ? h('div', { class: 'or' }, h('div', { class: 'actions start' }, others), faults) : null);
  box.querySelector('input, button')?.focus();
}

// next is the pages, or another question.
function next(box, can, answer) {
  if (answer?.needs === 'code') codeStep(box, can, answer);
  else done();
}

function codeStep(box, can, { text, echo, password, enrol }) {
  const code = password
    ? field('signin.password', { name: 'password', type: 'password', autocomplete: 'current-password', required: true })
    : field('signin.code', { name: 'code', type: echo ? 'text' : 'password', autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false', required: true, hint: t('signin.code.hint') });
  fill(box, text ? h('p', {}, said(text, 500)) : null, enrol ? enrolment(enrol) : null, form(t('signin.do'), async () => {
    next(box, can, await ask('POST', '/auth/code', { code: password ? code.input.value : code.input.value.trim() }));
  }, code), h('button', { type: 'button', class: 'plain', on: { click: () => passwordStep(box, can) } }, t('signin.over')));
  code.input.focus();
}

// enrolment is the key of an app for codes, to be typed there, or opened on a phone.
function enrolment({ secret, uri }) {
  return h('div', {}, h('p', {}, t('signin.enrol')), h('p', { class: 'code' }, secret),
    uri.startsWith('otpauth:') ? h('p', {}, h('a', { href: uri }, t('signin.enrol.open'))) : null);
}

// toProvider leaves the page for the provider, which sends the browser back.
async function toProvider(button, faults) {
  fill(faults);
  button.disabled = true;
  try {
    const { address } = await ask('POST', '/auth/oidc/begin');
    if (!/^https?:$/.test(new URL(address).protocol)) throw new Error(t('fault'));
    location.assign(address);
  } catch (fault) {
    fill(faults, problem(fault));
  } finally {
    button.disabled = false; // also for who comes back to this page as it was
  }
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
