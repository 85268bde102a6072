// The frame around the pages: who is signed in, where to go, what is shown.

import { h, fill, say, said, visible } from './dom.js';
import { t, load } from './text.js';
import { get, onSignedOut, problem } from './api.js';
import * as events from './events.js';
import * as now from './pages/now.js';
import * as people from './pages/people.js';
import * as person from './pages/person.js';
import * as groups from './pages/groups.js';
import * as group from './pages/group.js';
import * as policy from './pages/policy.js';
import * as session from './pages/session.js';
import * as history from './pages/history.js';
import * as certificates from './pages/certificates.js';
import * as servers from './pages/servers.js';
import * as settings from './pages/settings.js';
import * as logs from './pages/logs.js';
import * as account from './pages/account.js';
import * as signin from './pages/signin.js';

// The pages: the first part of the address, what shows it, and what of the process it needs
// (one of some of the process's features, or nothing). Those with a parent have no entry of their own.
const pages = [
  { name: 'now', page: now },
  { name: 'people', page: people, needs: ['users', 'store'] },
  { name: 'person', page: person, needs: ['users', 'store'], parent: 'people' },
  { name: 'groups', page: groups, needs: ['groups', 'store'], parent: 'people' },
  { name: 'group', page: group, needs: ['groups', 'store'], parent: 'people' },
  { name: 'policy', page: policy, needs: ['policy'] },
  { name: 'session', page: session, parent: 'now' },
  { name: 'history', page: history, needs: ['history'] },
  { name: 'past', page: session, needs: ['history'], parent: 'history' },
  { name: 'certificates', page: certificates, needs: ['certificates', 'store'] },
  { name: 'servers', page: servers },
  { name: 'settings', page: settings, needs: ['configuration'] },
  { name: 'logs', page: logs, needs: ['logs'] },
  { name: 'account', page: account, parent: 'account' },
];

const main = document.getElementById('main');
const nav = document.getElementById('nav');
const scopes = ['read', 'operate', 'administer'];
let process = null;
let shown = null; // ends what belongs to the page that is shown

function can(scope) {
  return scopes.indexOf(process?.me?.scope) >= scopes.indexOf(scope);
}

function has(features) {
  return !features || features.some((f) => (process?.features || []).includes(f));
}

function available() {
  return pages.filter((p) => has(p.needs));
}

// go shows the page of the address. The heading has the focus then, unless this is the first page.
async function go(first) {
  const [name = 'now', ...parameters] = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
  const found = available().find((p) => p.name === name) || available()[0];
  shown?.abort();
  shown = new AbortController();
  document.querySelectorAll('dialog[open]').forEach((d) => d.close());
  for (const link of nav.querySelectorAll('a')) {
    if (link.dataset.page === (found.parent || found.name)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  nav.classList.remove('open');
  document.getElementById('menu')?.setAttribute('aria-expanded', 'false');
  const key = found.parent && found.page !== session ? found.parent : found.name;
  await show(found.page, { title: t('nav.' + key), parameters, past: found.name === 'past' }, first);
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

async function show(page, { title, parameters, past }, first) {
  const signal = shown.signal;
  const heading = h('h1', { tabindex: '-1' }, title);
  const content = h('div', { class: 'content' });
  fill(main, heading, content);
  document.title = title + ' · ' + visible(process?.name || 'Culvert');
  if (!first) { heading.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  const about = {
    process, can, has, parameters, past, signal, again: () => go(true),
    // titled gives the page another heading, of texts and nodes.
    titled(text, ...parts) {
      if (signal.aborted) return;
      fill(heading, ...(parts.length ? parts : [text]));
      document.title = text + ' · ' + visible(process?.name || 'Culvert');
    },
  };
  try {
    await page.show(content, about);
  } catch (fault) {
    if (!signal.aborted) content.append(problem(fault));
  }
}

function header() {
  const lost = h('span', { class: 'lost', hidden: true }, t('connection.lost'));
  events.onState((there) => { lost.hidden = there; });
  const menu = h('button', {
    id: 'menu', type: 'button', class: 'plain', 'aria-expanded': 'false', 'aria-controls': 'nav',
    on: { click: () => menu.setAttribute('aria-expanded', String(nav.classList.toggle('open'))) },
  }, t('menu'));
  const who = process ? h('a', { href: '#/account', class: 'who' }, h('span', { class: 'unseen' }, t('nav.account') + ': '), said(process.me?.name || t('account.you'), 40)) : null;
  fill(document.getElementById('top'),
    h('a', { href: '#/now', class: 'brand' }, h('img', { src: 'icon.svg', alt: '', width: 28, height: 28 }), h('span', {}, 'Culvert')),
    process ? h('span', { class: 'where' }, said(process.name, 40), h('span', { class: 'role' }, t('role.' + process.role))) : null,
    lost, h('span', { class: 'gap' }), schemes(), who, process ? menu : null);
}

// schemes is the choice of light, dark, or as the system has it.
function schemes() {
  const chosen = document.documentElement.dataset.scheme || '';
  return h('label', { class: 'schemes' }, h('span', { class: 'unseen' }, t('scheme')),
    h('select', { on: { change: (e) => scheme(e.target.value) } },
      ['', 'light', 'dark'].map((s) => h('option', { value: s, selected: s === chosen }, t('scheme.' + (s || 'auto'))))));
}

function scheme(chosen) {
  if (chosen) document.documentElement.dataset.scheme = chosen;
  else delete document.documentElement.dataset.scheme;
  try {
    if (chosen) localStorage.setItem('scheme', chosen);
    else localStorage.removeItem('scheme');
  } catch { /* without storage it holds until the page is left */ }
}

function navigation() {
  nav.hidden = false;
  nav.setAttribute('aria-label', t('nav'));
  const entries = available().filter((p) => !p.parent && (p.page !== servers || process.role !== 'p2p'));
  fill(nav, h('ul', {}, entries.map((p) => h('li', {}, h('a', { href: '#/' + p.name, 'data-page': p.name }, t('nav.' + p.name))))));
}

// enter shows the pages to who is signed in, and else the sign-in.
async function enter() {
  shown?.abort();
  shown = new AbortController();
  try {
    process = await get('/v1/process', shown.signal);
  } catch (fault) {
    if (fault.status !== 401) {
      fill(main, h('h1', { tabindex: '-1' }, t('fault')), problem(fault), h('p', {}, h('button', { type: 'button', on: { click: enter } }, t('again'))));
      return;
    }
    leave();
    return;
  }
  header();
  navigation();
  events.start();
  go(true);
}

function leave() {
  process = null;
  events.stop();
  nav.hidden = true;
  header();
  shown?.abort();
  shown = new AbortController();
  show(signin, { title: t('nav.signin'), parameters: [] }, true);
}

onSignedOut(leave);
window.addEventListener('hashchange', () => { if (process) go(false); });
window.addEventListener('signed-in', enter);
window.addEventListener('signed-out', leave);
document.getElementById('skip').addEventListener('click', (e) => {
  e.preventDefault();
  main.focus();
});

await load();
say(document.getElementById('skip'), t('skip'));
header();
await signin.byLink();
await signin.backFromProvider();
enter();
