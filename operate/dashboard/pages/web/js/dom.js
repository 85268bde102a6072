// Makes DOM nodes. This is the only place that does, and it knows no way to make
// markup of a string: what is a string becomes text.

const svgNames = new Set(['svg', 'g', 'path', 'line', 'rect', 'circle', 'text', 'title', 'polyline']);

// h makes an element. Of the properties, class, on (listeners by event) and value
// are special; true is an attribute without a value, and false, null and undefined none.
export function h(tag, properties, ...children) {
  const svg = svgNames.has(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === 'value') {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

// nodes flattens children: strings and numbers become text, lists are opened.
function nodes(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false)
    .map((c) => (c instanceof Node ? c : document.createTextNode(String(c))));
}

// fill replaces what is in an element.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

// say changes the text of an element, if it is another one.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Characters that draw nothing or move what is beside them, and stacks of marks.
const odd = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|\p{M}{4,}/gu;

// Characters of class Cf that languages and pictures need within words.
const harmless = /[\u200c\u200d\u00ad]/;

// said is text that a stranger chose: set apart from the direction of what is around it,
// with what would be invisible shown by its number. What is longer than most is cut;
// the whole is in the title. An address (kind whole) is broken only where it has to be.
export function said(text, most = 120, kind = 'said') {
  const whole = String(text ?? '');
  const cut = whole.length > most;
  const bdi = h('bdi', { class: kind, title: cut ? visible(whole.slice(0, 2000)) : null });
  const shown = cut ? Array.from(whole.slice(0, most)).join('') : whole;
  let at = 0;
  for (const found of shown.matchAll(odd)) {
    if (harmless.test(found[0])) continue;
    if (found.index > at) bdi.append(shown.slice(at, found.index));
    bdi.append(h('span', { class: 'odd' }, number(found[0])));
    at = found.index + found[0].length;
  }
  bdi.append(shown.slice(at));
  if (cut) bdi.append('…');
  return bdi;
}

// visible is said as a string, for titles, labels and questions.
export function visible(text) {
  return String(text ?? '').replace(odd, (c) => (harmless.test(c) ? c : number(c)));
}

function number(characters) {
  return '⟨' + Array.from(characters).slice(0, 4)
    .map((c) => c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')).join(' ') + '⟩';
}

let last = 0;

// id returns one that no other element has.
export function id(prefix) {
  last++;
  return prefix + '-' + last;
}

// announce has a screen reader say something, politely.
export function announce(text) {
  const region = document.getElementById('said');
  region.textContent = '';
  requestAnimationFrame(() => { region.textContent = text; });
}
