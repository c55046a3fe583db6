/** What is known of the values that change. */

import { unitOf, wordsOf } from './identity.js';
import { Exact, kindAt, numberIn, written } from './kinds.js';
import { Points } from './points.js';
import { shorten } from './text.js';

/** @import { Change } from './diff.js' */
/** @import { Kind } from './kinds.js' */

/**
 * A value that has changed, come or gone since somebody looks.
 * @typedef {object} Track
 * @property {string} path
 * @property {string} name of its member
 * @property {string} title what people call the object that has it
 * @property {string} unit
 * @property {Kind} kind
 * @property {'change' | 'add' | 'remove'} type of the newest change
 * @property {any} value what is kept of the newest one; of `remove` of the last one
 * @property {any} from what is kept of the one before
 * @property {number} at when it changed, milliseconds since 1970
 * @property {number} seq of the event that changed it
 * @property {number} first of the event since which it is known
 * @property {number} changes how often it has changed
 * @property {number} among how many elements its array has, if it came or went; else 0
 * @property {Points | null} points of a number
 * @property {(number | string)[]} past pairs of anything else that changed: at, text
 */

const PAST = 64; // texts of a value that are kept
const TEXT = 40; // characters of each
const LONGEST = 160; // characters of a value or a title

/**
 * Tracks keeps the values that changed, at most `limit` of them: those that changed last. Of a long text and of an object it
 * keeps what can be shown, because otherwise it would keep the documents that they were in.
 */
export class Tracks {
  #limit;
  /** In the order of their last changes. @type {Map<string, Track>} */ #all = new Map();

  /** @param {number} limit */
  constructor(limit) { this.#limit = limit; }

  /** All of them, the one that changed last at the end. */
  get all() { return this.#all.values(); }

  /** @param {string} path */
  get(path) { return this.#all.get(path); }

  /**
   * @param {Change[]} changes of one event
   * @param {number} seq of the event
   * @param {number} at when it came, milliseconds since 1970
   * @param {number} before when the one before it came
   */
  take(changes, seq, at, before) {
    for (const change of changes) {
      const { path, type, name, title, among } = change;
      const old = this.#all.get(path);
      const value = type === 'remove' ? change.before : change.after;
      const kind = kindAt(value, path);
      const points = kind === 'number' && type === 'change' ? old?.points ?? new Points() : null;
      if (points) {
        const [last, next] = [numberIn(change.before), numberIn(value)];
        const { pairs } = points;
        // The line stays level until the last event before the change.
        if (last !== null && (pairs.length === 0 || before > pairs[pairs.length - 2])) points.add(before, last);
        if (next !== null) points.add(at, next);
      }
      const past = points || type !== 'change' ? [] : old?.past.length ? old.past : [before, shorten(written(change.before), TEXT)];
      if (!points && type === 'change') past.push(at, shorten(written(value), TEXT));
      if (past.length > 2 * PAST) past.splice(0, past.length - 2 * PAST);
      this.#all.delete(path); // so that it becomes the last one
      this.#all.set(path, {
        path, name, title: shorten(title, LONGEST), kind, type, value: kept(value), from: type === 'change' ? kept(change.before) : undefined, at, seq, among, points, past,
        unit: type === 'change' ? unitOf(change.holder, name, change.outer, change.within) : '',
        first: old?.first ?? seq, changes: (old?.changes ?? 0) + 1,
      });
    }
    for (const path of this.#all.keys()) {
      if (this.#all.size <= this.#limit) break;
      this.#all.delete(path);
    }
  }
}

/** What is kept of a value: a number as it is, a short text, and words about an object. @param {any} value */
function kept(value) {
  if (typeof value === 'string') return shorten(value, LONGEST);
  return value !== null && typeof value === 'object' && !(value instanceof Exact) ? shorten(wordsOf(value), LONGEST) : value;
}
