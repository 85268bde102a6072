// Dialogs: forms and questions above the page.

import { h, fill, id } from './dom.js';
import { t } from './text.js';
import { problem } from './api.js';

// open shows a dialog with a title, and returns it. Focus goes back to where it was when it closes.
export function open(title, ...children) {
  const before = document.activeElement;
  const name = id('dialog');
  const dialog = h('dialog', { 'aria-labelledby': name }, h('h2', { id: name, tabindex: '-1' }, title), ...children);
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    else document.getElementById('main').focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// close is a button that closes the dialog that it is in.
export function closer(key = 'close') {
  return h('button', { type: 'button', class: 'plain', on: { click: (e) => e.target.closest('dialog').close() } }, t(key));
}

// field is a labelled input. Options are attributes of it, and hint, a text below the label.
export function field(key, options = {}) {
  const { hint, element = 'input', children = [], ...attributes } = options;
  const name = id('field');
  const described = hint ? name + '-hint' : null;
  const input = h(element, { id: name, 'aria-describedby': described, ...attributes }, ...children);
  const label = h('label', { for: name }, t(key));
  const parts = attributes.type === 'checkbox' ? [h('div', { class: 'check' }, input, label)] : [label, input];
  const box = h('div', { class: 'field' }, ...parts, hint ? h('p', { id: described, class: 'hint' }, hint) : null);
  return { box, input };
}

// form is a form whose faults stand at its end. act is called with the form's button, and what
// it throws is shown.
export function form(action, act, ...children) {
  const faults = h('div', {});
  const button = h('button', { type: 'submit' }, action);
  const made = h('form', {
    on: {
      submit: async (e) => {
        e.preventDefault();
        fill(faults);
        button.disabled = true;
        try {
          await act();
        } catch (fault) {
          if (fault.name !== 'AbortError') fill(faults, problem(fault));
        } finally {
          button.disabled = false;
        }
      },
    },
  }, ...children.map((c) => c.box || c), faults, h('div', { class: 'actions' }, button));
  return made;
}

// openForm is form in a dialog, which closes when act has done its part, unless act returns true.
export function openForm(title, action, act, ...children) {
  const made = form(action, async () => { if (await act(dialog) !== true) dialog.close(); }, ...children);
  const dialog = open(title, made);
  made.querySelector('.actions').prepend(closer('cancel'));
  (made.querySelector('input, textarea, select') || dialog.querySelector('button')).focus();
  return dialog;
}

// confirm asks before something that cannot be undone, by saying what happens.
export function confirm(title, happens, action, act) {
  const dialog = openForm(title, action, act, h('p', {}, happens));
  dialog.classList.add('grave');
  dialog.querySelector('.actions button').focus();
}
