// The policy: its text, and who may reach what by it.

import { h, fill, said } from '../dom.js';
import { t, section } from '../text.js';
import { ask, get } from '../api.js';
import { form, field } from '../dialog.js';

export async function show(content, { signal }) {
  const policy = await get('/v1/policy', signal).catch((fault) => {
    if (fault.code === 'unsupported') return null; // there is none
    throw fault;
  });
  if (!policy) {
    content.append(h('div', { class: 'empty' }, h('p', {}, t('policy.empty')), h('p', {}, t('policy.empty.next'))), tester(null, null));
    return;
  }
  const text = policy.text || '';
  const lines = listing(text);
  content.append(tester(text, lines), section('policy.text', { class: 'card' }, policy.file ? h('p', { class: 'hint code' }, said(policy.file, 300)) : null,
    h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('policy.lines') }, lines.element)));
}

// listing is a text with the numbers of its lines.
function listing(text) {
  const rows = text.replace(/\n$/, '').split('\n').map((line, i) => h('li', { id: 'line-' + (i + 1), value: i + 1 },
    h('code', { class: /^\s*#/.test(line) ? 'remark' : null }, said(line || ' ', 1000))));
  return {
    element: h('ol', { class: 'lines' }, rows),
    mark(n) {
      rows.forEach((r, i) => {
        if (i + 1 === n) r.setAttribute('aria-current', 'true');
        else r.removeAttribute('aria-current');
      });
      rows[n - 1]?.scrollIntoView({ block: 'nearest' });
    },
  };
}

// tester asks the policy, or another text in its place. Where there is no policy (null), it asks
// the text alone.
function tester(policy, lines) {
  const question = field('policy.question', { name: 'question', required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', hint: t('policy.question.hint') });
  const other = field('policy.other', { element: 'textarea', name: 'text', rows: 8, required: policy === null, class: 'code', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', value: policy || '', hint: t('policy.other.hint') });
  const answer = h('div', { role: 'status' });
  return section('policy.tester', { class: 'card' }, form(t('policy.ask'), async () => {
    fill(answer);
    lines?.mark(0);
    const text = other.input.value;
    const another = text !== policy && text.trim() !== '';
    const result = await ask('POST', '/v1/policy/check', { questions: [question.input.value.trim().replace(/\?$/, '')], ...(another ? { text } : {}) });
    fill(answer, faults(result.faults || []), (result.answers || []).map(one));
    if (!another) lines?.mark(lineOf(result.answers?.[0]));
  }, question, policy === null ? other : h('details', {}, h('summary', {}, t('policy.other.try')), other.box), answer));
}

function faults(list) {
  return list.length ? h('div', { class: 'problem' }, list.map((f) => h('p', {}, said(f, 1000)))) : null;
}

function one(answer) {
  if (answer.fault) return h('p', { class: 'problem' }, said(answer.fault, 500));
  return h('p', { class: 'answer ' + (answer.yes ? 'yes' : 'no') }, h('strong', {}, t(answer.yes ? 'yes' : 'no')), ' ', said(answer.why || '', 500));
}

// lineOf is the line that an answer names, 0 for none.
function lineOf(answer) {
  return Number(/(?:^|:|line )(\d+)(?::|\b)/.exec(answer?.why || '')?.[1] || 0);
}
