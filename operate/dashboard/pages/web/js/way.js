// The way of packets through the server, with what was dropped at each stop.

import { h, said } from './dom.js';
import { t } from './text.js';
import { number } from './format.js';

// Where each reason counts, in the words of the status. One that is not here counts at the end; a test
// holds that all are.
const places = {
  'malformed': 'open', 'unknown peer': 'link', 'too many newcomers': 'link', 'failed authentication': 'open', 'replayed': 'open',
  'bad source address': 'route', 'spoofed MAC': 'route', 'not admitted by learn-address': 'route', 'unknown MAC': 'route',
  'stays behind its port': 'route', 'VLAN not admitted': 'route', 'storm limit': 'route', 'no route': 'route',
  'IPv6, which is blocked': 'route', 'not allowed by the policy': 'route', 'the policy cannot judge it': 'route',
  'adapter\'s queue full': 'queue', 'beyond the client\'s rate': 'queue', 'beyond the rate of shaper': 'queue', 'no key': 'seal', 'larger than the MTU': 'seal',
  'refused by a firewall rule of this host': 'send', 'not sent': 'send',
};

const stations = ['link', 'open', 'route', 'queue', 'seal', 'send'];

// draw is the way as a list, whose order is the way's. drops are counts by reason.
export function draw(drops) {
  const at = Object.fromEntries(stations.map((s) => [s, []]));
  for (const [reason, count] of Object.entries(drops)) {
    if (!count) continue;
    at[places[reason] || 'send'].push([reason, count]);
  }
  return h('ol', { class: 'way' }, stations.map((s) => {
    const total = at[s].reduce((sum, [, n]) => sum + n, 0);
    at[s].sort((a, b) => b[1] - a[1]);
    return h('li', { class: total ? 'dropped' : null },
      h('div', { class: 'stop' }, h('strong', {}, t('stop.' + s)), h('span', { class: 'hint' }, t('stop.' + s + '.what'))),
      total ? h('ul', {}, at[s].map(([reason, n]) => h('li', {}, h('span', { class: 'count' }, number(n)), ' ', said(reason)))) : h('p', { class: 'none' }, t('stop.none')));
  }));
}
