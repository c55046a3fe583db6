/** The list of the last events. */

import { shorten } from './document.js';
import { clock } from './time.js';

const DOCUMENT = 200; // characters of a document on show; CSS hides what does not fit
const VALUE = 24;
const ID = 64; // characters of an id; Pollux's own have under 40

/**
 * @typedef {object} Entry
 * @property {number} at milliseconds since 1970
 * @property {string} id empty when the event has none
 * @property {string} [value] the headline at that time
 * @property {string} text the document, or what happened
 * @property {'data' | 'status' | 'reset' | 'problem'} kind
 */

/** EventLog shows at most `limit` entries, the newest first. While paused, it collects entries and shows them later. */
export class EventLog {
  #body;
  #limit;
  #paused = false;
  /** @type {Entry[]} */ #held = [];

  /**
   * @param {HTMLElement} body a tbody of its own
   * @param {number} limit entries on show, 1 and up
   */
  constructor(body, limit) {
    this.#body = body;
    this.#limit = limit;
  }

  get paused() { return this.#paused; }

  /** The number of entries collected during the pause, at most the limit. */
  get held() { return this.#held.length; }

  /** @param {Entry} entry */
  add(entry) {
    if (this.#paused) {
      this.#held.push(entry);
      if (this.#held.length > this.#limit) this.#held.shift();
      return;
    }
    this.#body.prepend(row(entry));
    while (this.#body.children.length > this.#limit) this.#body.lastElementChild?.remove();
  }

  /** Pauses, or resumes and shows what was held. */
  toggle() {
    this.#paused = !this.#paused;
    if (this.#paused) return;
    const held = this.#held;
    this.#held = [];
    for (const entry of held) this.add(entry);
  }
}

/** @param {Entry} entry */
function row({ at, id, value = '', text, kind }) {
  const tr = document.createElement('tr');
  tr.dataset.kind = kind;
  const time = document.createElement('time');
  time.dateTime = new Date(at).toISOString();
  time.textContent = clock(at);
  const code = document.createElement('code');
  code.textContent = shorten(text, DOCUMENT);
  cell(tr, 'time').append(time);
  cell(tr, 'id').append(halves(id ? shorten(id, ID) : '–'));
  cell(tr, 'value').textContent = shorten(value, VALUE);
  const last = cell(tr, 'text');
  if (kind !== 'data') {
    const tag = document.createElement('span');
    tag.className = 'tag';
    tag.textContent = kind;
    last.append(tag, ' ');
  }
  last.append(code);
  return tr;
}

/**
 * Splits an id `<epoch>-<seq>` in two, so that CSS can cut the epoch, which rarely changes, but not the number.
 * @param {string} id
 */
function halves(id) {
  const span = document.createElement('span');
  const at = id.lastIndexOf('-');
  for (const text of at < 1 ? [id] : [id.slice(0, at), id.slice(at)]) {
    const half = document.createElement('span');
    half.textContent = text;
    span.append(half);
  }
  return span;
}

/**
 * @param {HTMLTableRowElement} tr
 * @param {string} name
 */
function cell(tr, name) {
  const td = tr.insertCell();
  td.className = name;
  return td;
}
