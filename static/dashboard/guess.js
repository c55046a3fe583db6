/** What to show first of a document of which no change is known yet. */

import { titleOf, unitOf } from './identity.js';
import { Exact, kindAt, written } from './kinds.js';
import { ASIDE, TELLING, WEIGHTS } from './news.js';
import { element, member } from './paths.js';
import { count, shorten } from './text.js';

/** @import { Kind } from './kinds.js' */

const TITLE = /^(?:name|title|symbol|label|type|kind|code|currency|currencyCode|unit|lang\w*|time_?zone\w*)$/i; // what a thing is, not how it is
const ENVELOPE = /^(?:ok|success|200)$/i; // what nearly every answer says of itself
const SENTENCE = /^(?:description|message|summary)$/i;
const LIST = 4; // what a list of objects says, as a number or state of the same depth says 2.5 to 6
const MAP = 12; // objects from which on an object of nothing else is a list with names
const WORDS = 4; // different states of a list that are told
const NAMED = 3; // objects of a list that are named
const WORD = 24; // characters of a state or a name
const NODES = 800; // values that are looked at
const DEEP = 6; // levels
const FIRST = 20; // elements of an array that is no list

/**
 * A value of a document.
 * @typedef {object} Guess
 * @property {string} path
 * @property {string} title of the thing that has it
 * @property {Kind} kind
 * @property {any} value of a list the words for it
 * @property {string} unit
 */

/**
 * guess chooses a value. One object of a list says nothing about the others, so a list is told as a whole: how many objects
 * there are, and how many of them are in each state.
 * @param {any} document
 * @returns {Guess | null} null if it has none
 */
export function guess(document) {
  /** @type {(Omit<Guess, 'unit'> & {unit: () => string})[]} */ let best = [];
  let most = 0;
  let nodes = 0;
  /** @type {(worth: number, candidate: typeof best[0]) => void} */
  const offer = (worth, candidate) => { if (worth > most) [best, most] = [[candidate], worth]; };
  /** @type {(value: any, path: string, name: string, title: string, holder: any, depth: number) => void} */
  const visit = (value, path, name, title, holder, depth) => {
    if (nodes++ > NODES || depth > DEEP) return;
    const kind = kindAt(value, path);
    if (isList(value)) offer(LIST * 0.8 ** depth, { path, title: '', kind, value, unit: () => '' });
    else if (kind === 'array') {
      for (let i = 0; i < Math.min(value.length, FIRST); i++) visit(value[i], element(path, i), name, titleOf(value[i]) || title, holder, depth + 1);
    } else if (kind === 'object') {
      for (const key of Object.keys(value)) visit(value[key], member(path, key), key, title, value, depth + 1);
    } else offer(worthOf(kind, path, name, value) * 0.8 ** depth, { path, title, kind, value, unit: () => unitOf(holder, name) });
  };
  visit(document, '', '', '', null, 0);
  const [found] = best;
  return found ? { ...found, value: isList(found.value) ? summed(Object.values(found.value)) : found.value, unit: found.unit() } : null;
}

/**
 * @param {Kind} kind
 * @param {string} path
 * @param {string} name
 * @param {any} value
 */
function worthOf(kind, path, name, value) {
  const telling = TITLE.test(name) ? 0.3 : !TELLING.test(name) ? 1 : ENVELOPE.test(written(value)) ? 0.8 : SENTENCE.test(name) ? 2.2 : 2;
  return (WEIGHTS[kind] + (kind === 'number' ? 0.5 : 0)) * telling * (ASIDE.test(path) ? 0.2 : 1);
}

/** Whether a value is several objects: an array of them, or a large object of nothing else. @param {any} value */
function isList(value) {
  if (Array.isArray(value)) return value.length >= 2 && isObject(value[0]) && isObject(value[value.length - 1]);
  if (!isObject(value)) return false;
  const all = Object.values(value);
  return all.length >= MAP && all.every(isObject);
}

/**
 * Words about a list: `8 items: 7 Running, 1 Pending`, or the names of the first ones, if they have no states.
 * @param {any[]} list
 */
function summed(list) {
  const items = count(list.length, 'item');
  const states = statesOf(list);
  if (!states) {
    const names = list.slice(0, NAMED).map(titleOf).filter(name => /\D/.test(name)).map(name => shorten(name, WORD));
    return names.length > 0 ? `${items}: ${names.join(', ')}${list.length > NAMED ? ', …' : ''}` : items;
  }
  const told = [...states].sort(([, a], [, b]) => b - a);
  return told.length === 1 ? `${items}, all ${told[0][0]}` : `${items}: ${told.map(([word, n]) => `${n.toLocaleString('en')} ${word}`).join(', ')}`;
}

/**
 * How many objects of a list are in each state. The state is a member, or a member of a member, that is one of a few words in
 * every object.
 * @param {any[]} list
 * @returns {Map<string, number> | null} null if they have none
 */
function statesOf(list) {
  for (const names of statesIn(list[0])) {
    /** @type {Map<string, number>} */ const states = new Map();
    for (const each of list) {
      const value = names.reduce((value, name) => value?.[name], each);
      if (typeof value !== 'string' || kindAt(value, member('', names[names.length - 1])) !== 'state') states.clear();
      else states.set(shorten(value, WORD), (states.get(shorten(value, WORD)) ?? 0) + 1);
      if (states.size === 0 || states.size > WORDS) break;
    }
    if (states.size > 0 && states.size <= WORDS) return states;
  }
  return null;
}

/** The names of the members of an object that tell its state, those of the object itself first. @param {any} object @returns {string[][]} */
function statesIn(object) {
  const telling = (/** @type {any} */ holder) => Object.keys(holder).filter(name => TELLING.test(name) && !SENTENCE.test(name) && typeof holder[name] === 'string');
  return [...telling(object).map(name => [name]),
    ...Object.keys(object).filter(name => isObject(object[name])).flatMap(name => telling(object[name]).map(inner => [name, inner]))];
}

/** @param {any} value */
function isObject(value) { return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Exact); }
