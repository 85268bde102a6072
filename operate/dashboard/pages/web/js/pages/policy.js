// The policy: its text, and who may reach what by it.

import { h, fill, said } from '../dom.js';
import { t, section } from '../text.js';
import { ask, get } from '../api.js';
import { form, field } from '../dialog.js';

export async function show(content, { signal }) {
  const policy = await get('/v1/policy', signal);
  const text = policy.text || '';
  if (!policy.file && !text) {
    content.append(h('div', { class: 'empty' }, h('p', {}, t('policy.empty')), h('p', {}, t('policy.empty.next'))));
    return;
  }
  const lines = listing(text);
  content.append(tester(lines), section('policy.text', { class: 'card' }, policy.file ? h('p', { class: 'hint code' }, said(policy.file, 300)) : null,
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

function tester(lines) {
  const question = field('policy.question', { name: 'question', required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', hint: t('policy.question.hint') });
  const answer = h('div', { role: 'status' });
  return section('policy.tester', { class: 'card' }, form(t('policy.ask'), async () => {
    fill(answer);
    const result = await ask('POST', '/v1/policy/check', { questions: [question.input.value.trim().replace(/\?$/, '')] });
    const first = (result.answers || result.results || [])[0] || {};
    lines.mark(first.line || Number(/(?:^|:|line )(\d+)(?::|\b)/.exec(first.why || '')?.[1] || 0));
    fill(answer, h('p', { class: 'answer ' + (first.yes ? 'yes' : 'no') }, h('strong', {}, t(first.yes ? 'yes' : 'no')), ' ', said(first.fault || first.why || '', 500)));
  }, question, answer));
}
