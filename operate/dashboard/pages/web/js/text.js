// The words of the pages, from one file per language.

import { h } from './dom.js';

let words = {};
export let language = 'en';

// Languages that have a file in texts/. To add one, add its file and its name here.
const languages = ['en'];

export async function load() {
  language = (navigator.languages || []).map((l) => l.split('-')[0]).find((l) => languages.includes(l)) || 'en';
  const answer = await fetch('texts/' + language + '.json');
  words = await answer.json();
  document.documentElement.lang = language;
}

// t returns a text. {name} in it stands for values.name; where values.n is given, the text may
// have forms for numbers (Intl.PluralRules): {"one": "...", "other": "..."}.
export function t(key, values = {}) {
  let text = words[key];
  if (text === undefined) return key;
  if (typeof text === 'object') text = text[new Intl.PluralRules(language).select(Number(values.count ?? values.n))] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

// known reports whether there is a text, for words that come from the server.
export function known(key) {
  return words[key] !== undefined;
}

// tn returns a text as nodes, in which values may be elements.
export function tn(key, values = {}) {
  return t(key, Object.fromEntries(Object.keys(values).map((k) => [k, '{' + k + '}'])))
    .split(/(\{\w+\})/).map((part) => {
      const found = /^\{(\w+)\}$/.exec(part);
      return found ? values[found[1]] : part;
    });
}

// heading is a heading with an id, for sections that are labelled by it.
export function section(key, properties, ...children) {
  const title = h('h2', { id: 'h-' + key.replace(/\W/g, '-') }, t(key));
  return h('section', { 'aria-labelledby': title.id, ...properties }, title, ...children);
}
