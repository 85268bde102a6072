// Hands a profile over: by a QR code, a link that works once, or as a file.

import { h, said, visible, announce } from './dom.js';
import { t } from './text.js';
import { open, closer } from './dialog.js';
import { time } from './format.js';

// show shows what was made for a device, and calls closed after that.
export function show(made, closed) {
  const name = visible(made.common_name || '');
  const dialog = open(t('handed.title'),
    h('p', {}, t('handed.for'), ' ', said(made.common_name || '', 80)),
    made.qr ? h('p', { class: 'qr' }, h('img', { src: picture(made.qr), alt: t('handed.qr', { name }), width: 232, height: 232 })) : null,
    made.link || made.connect_link ? h('p', { class: 'hint' }, t('handed.once'), made.link_until ? ' ' + t('handed.until', { time: time(made.link_until) }) : '') : null,
    made.link ? linked('handed.link', made.link) : null,
    made.connect_link ? linked('handed.connect', made.connect_link) : null,
    !made.link && !made.profile ? h('p', {}, t('handed.nothing')) : null,
    h('div', { class: 'actions' }, made.profile ? h('a', { class: 'button plain', href: file(made.profile), download: name.replace(/[^\w.-]/g, '_') + '.ovpn' }, t('handed.download')) : null, closer()));
  dialog.classList.add('handed');
  dialog.addEventListener('close', () => closed?.());
}

// linked is a link as a field to copy from.
function linked(key, address) {
  const input = h('input', { readonly: true, value: address, 'aria-label': t(key), class: 'code', on: { focus: (e) => e.target.select() } });
  input.setAttribute('data-link', key);
  const copy = h('button', {
    type: 'button', class: 'plain', 'aria-label': t('copy') + ': ' + t(key), on: {
      click: async () => {
        try {
          await navigator.clipboard.writeText(address);
          announce(t('copied'));
        } catch {
          input.focus(); // where the clipboard is refused, the text is selected
        }
      },
    },
  }, t('copy'));
  return h('div', { class: 'field' }, h('span', { class: 'label' }, t(key)), h('div', { class: 'joined' }, input, copy));
}

// picture is the address of a QR code that came as SVG, or as an address itself.
export function picture(qr) {
  return qr.startsWith('data:image/') ? qr : 'data:image/svg+xml,' + encodeURIComponent(qr);
}

function file(text) {
  return URL.createObjectURL(new Blob([text], { type: 'application/x-openvpn-profile' }));
}
