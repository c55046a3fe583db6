/** A document as a tree: the rows that are open. */

import { describe, identityOf, titleOf } from './identity.js';
import { Exact, kindAt, timeIn, written } from './kinds.js';
import { element, identified, member } from './paths.js';
import { shorten } from './text.js';

/** @import { Kind } from './kinds.js' */

const ROWS = 100_000; // of a document
const DEEP = 300; // levels that are searched
const FOUND = 2000; // rows that a search finds
const TEXT = 400; // characters of a value

/**
 * A row of the tree.
 * @typedef {object} Leaf
 * @property {string} path
 * @property {string} name of the member, or the index
 * @property {number} depth
 * @property {any} value
 * @property {number} place among its siblings, from 1
 * @property {number} siblings how many there are
 * @property {boolean | null} open null if there is nothing in it
 */

/** Leaves knows what of a document is open. What nobody has opened or closed is open if it is small. */
export class Leaves {
  /** @type {Map<string, boolean>} */ #chosen = new Map();
  #words = '';
  #all = false;
  /** @type {{document: any, rows: Leaf[]} | null} */ #made = null;

  /**
   * @param {string} path
   * @param {boolean} open
   */
  toggle(path, open) {
    this.#chosen.set(path, open);
    this.#made = null;
  }

  /** @param {boolean} open whether all that is not too large is open, or all is closed */
  toggleAll(open) {
    this.#chosen.clear();
    if (!open) this.#chosen.set('*', false);
    this.#all = open;
    this.#made = null;
  }

  /** @param {string} words that the rows have in a name or a value; empty for all rows */
  search(words) {
    this.#words = words.toLowerCase();
    this.#made = null;
  }

  /**
   * The rows of a document.
   * @param {any} document
   */
  rows(document) {
    if (!this.#made || this.#made.document !== document) this.#made = { document, rows: this.#words ? this.#found(document) : this.#open(document) };
    return this.#made.rows;
  }

  /**
   * The identities of the elements of an array; null if they have none.
   * @param {any} array
   * @returns {(string | null)[] | null}
   */
  identities(array) {
    const identify = Array.isArray(array) ? identityOf(array) : null;
    return identify ? array.map(identify) : null;
  }

  /** @param {any} document */
  #open(document) {
    /** @type {Leaf[]} */ const rows = [];
    /** @type {(value: any, path: string, name: string, depth: number, place: number, siblings: number) => void} */
    const visit = (value, path, name, depth, place, siblings) => {
      if (rows.length >= ROWS) return;
      const open = isHolder(value) ? this.#isOpen(value, path, depth) : null;
      rows.push({ path, name, depth, value, place, siblings, open });
      if (open) for (const inner of inside(value, path)) visit(inner.value, inner.path, inner.name, depth + 1, inner.place, inner.siblings);
    };
    visit(document, '', '', 0, 1, 1);
    return rows;
  }

  /**
   * @param {any} value
   * @param {string} path
   * @param {number} depth
   */
  #isOpen(value, path, depth) {
    const chosen = this.#chosen.get(path);
    if (chosen !== undefined) return chosen;
    if (depth === 0) return true;
    if (this.#chosen.has('*')) return false;
    const many = Array.isArray(value) ? value.length : Object.keys(value).length;
    return this.#all ? many <= 1000 : many <= [0, 24, 12, 6, 4][Math.min(depth, 4)];
  }

  /** The rows that a search finds, and all that they are in. @param {any} document */
  #found(document) {
    /** @type {Leaf[]} */ const rows = [];
    const has = (/** @type {string} */ text) => text.toLowerCase().includes(this.#words);
    let found = 0;
    /** @type {(value: any, path: string, name: string, depth: number, place: number, siblings: number) => boolean} */
    const visit = (value, path, name, depth, place, siblings) => {
      if (found >= FOUND || depth > DEEP) return false;
      const at = rows.length;
      const holder = isHolder(value);
      rows.push({ path, name, depth, value, place, siblings, open: holder ? true : null });
      const hit = has(name) || !holder && has(written(value));
      if (hit) found++;
      let within = false;
      if (holder) for (const inner of inside(value, path)) within = visit(inner.value, inner.path, inner.name, depth + 1, inner.place, inner.siblings) || within;
      if (hit || within) return true;
      rows.length = at;
      return false;
    };
    visit(document, '', '', 0, 1, 1);
    return rows;
  }
}

/** @param {any} value */
function isHolder(value) {
  return value !== null && typeof value === 'object' && !(value instanceof Exact) && (Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0);
}

/**
 * What is in an object or an array.
 * @param {any} value
 * @param {string} path
 */
function* inside(value, path) {
  if (Array.isArray(value)) {
    const identify = identityOf(value);
    for (let i = 0; i < value.length; i++) {
      const id = identify?.(value[i]) ?? null;
      yield { value: value[i], name: String(i), path: id === null ? element(path, i) : identified(path, id), place: i + 1, siblings: value.length };
    }
  } else {
    const names = Object.keys(value);
    for (let i = 0; i < names.length; i++) yield { value: value[names[i]], name: names[i], path: member(path, names[i]), place: i + 1, siblings: names.length };
  }
}

/**
 * textOf is what a row shows of its value.
 * @param {Leaf} leaf
 * @returns {{kind: Kind, text: string}}
 */
export function textOf({ value, open, path, depth }) {
  const kind = kindAt(value, path);
  if (kind === 'array') return { kind, text: value.length === 0 ? '[ ]' : describe(value) };
  if (kind === 'object') return { kind, text: open ? (depth > 0 ? shorten(titleOf(value), TEXT) : describe(value)) : preview(value) };
  if (kind === 'time') return { kind, text: String(timeIn(value) ?? written(value)) };
  return { kind, text: shorten(written(value), TEXT) };
}

/** @param {any} object */
function preview(object) {
  const names = Object.keys(object);
  if (names.length === 0) return '{ }';
  const title = titleOf(object);
  const parts = names.filter(name => !isHolder(object[name]) && String(object[name]) !== title).slice(0, 5)
    .map(name => `${name} ${shorten(written(object[name]), 24)}`);
  return shorten([title, ...parts].filter(Boolean).join(' · ') || `${names.length} fields`, 120);
}
