// Asks the server. All that is asked goes through here, so that faults read the same everywhere.

import { h, said } from './dom.js';
import { t } from './text.js';

// Fault is an answer that is none: what went wrong, and what mends it.
export class Fault extends Error {
  constructor(status, code, message, mend) {
    super(message);
    this.status = status;
    this.code = code;
    this.mend = mend;
  }
}

let signedOut = () => {};

// onSignedOut has f called when the server no longer knows who asks.
export function onSignedOut(f) { signedOut = f; }

// ask sends a request and returns what is in the answer, null if nothing is.
export async function ask(method, path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, {
      method, signal, credentials: 'same-origin', redirect: 'error', cache: 'no-store',
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Fault(0, 'unreachable', t('fault.unreachable'), t('fault.unreachable.mend'));
  }
  const text = await answer.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) content = text;
  }
  if (answer.ok) return content;
  if (answer.status === 401 && !path.startsWith('/auth/')) signedOut();
  const fields = (content?.fields || []).map((f) => `${f.field}: ${f.expected}`).join('; ');
  throw new Fault(answer.status, content?.code || '', content?.detail || t('fault.status', { status: answer.status }), [content?.mend, fields].filter(Boolean).join(' – '));
}

export const get = (path, signal) => ask('GET', path, undefined, signal);

// part makes a value fit to stand in a path.
export const part = (value) => encodeURIComponent(value);

// query makes the part of an address after "?" of what is set.
export function query(values) {
  const q = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== '' && v !== null && v !== undefined));
  const text = q.toString();
  return text ? '?' + text : '';
}

// problem shows a fault.
export function problem(fault) {
  return h('div', { class: 'problem', role: 'alert' },
    h('p', {}, h('strong', {}, said(fault.message || String(fault), 1000))),
    fault.mend ? h('p', {}, said(fault.mend, 1000)) : null);
}
