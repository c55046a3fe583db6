/** What is known of one stream: its newest document, and what has changed in it. */

import { diff } from './diff.js';
import { guess } from './guess.js';
import { describe } from './identity.js';
import { Exact, numberIn, timeIn, written } from './kinds.js';
import { Choice } from './news.js';
import { parents, segments } from './paths.js';
import { shorten } from './text.js';
import { Tracks } from './tracks.js';

/** @import { Change } from './diff.js' */
/** @import { Kind } from './kinds.js' */
/** @import { Track } from './tracks.js' */

const CHANGES = 2000; // of one event that are looked at

/**
 * A value on show.
 * @typedef {object} Field
 * @property {string} path
 * @property {string} label
 * @property {Kind} kind
 * @property {string} text
 * @property {string} unit
 * @property {string} from the text of the value before; empty if there was none
 * @property {'change' | 'add' | 'remove' | ''} type of the newest change; empty if it has not changed
 * @property {number | null} at when it changed, milliseconds since 1970
 * @property {number} seq of the event that changed it
 * @property {number} changes
 * @property {number[]} course of a number, pairs: at, value
 * @property {(number | string)[]} past of anything else, pairs: at, text
 */

/** Watch is fed with documents. */
export class Watch {
  #tracks;
  #choice = new Choice();
  #exists = false;
  /** What is shown while no change says anything. @type {Field | null} */ #still = null;
  /** The paths that the newest event changed, and those of all that they are in. @type {Set<string>} */ #lit = new Set();
  /** @type {Change[]} */ #newest = [];
  /** @type {any} */ document = undefined;
  /** Documents until now. */ seq = 0;
  /** When the newest one came. */ at = 0;

  /** @param {number} limit values whose course is kept */
  constructor(limit) { this.#tracks = new Tracks(limit); }

  /** Whether there is a document. */
  get exists() { return this.#exists; }

  /** What the newest event changed. */
  get changes() { return this.#newest; }

  /** The values that changed, the one that changed last at the end. */
  get tracks() { return this.#tracks; }

  /**
   * @param {any} document
   * @param {number} at when it came, milliseconds since 1970
   */
  take(document, at) {
    this.seq++;
    const { changes } = this.#exists ? diff(this.document, document, CHANGES) : { changes: [] };
    this.#tracks.take(changes, this.seq, at, this.at);
    this.#newest = changes;
    this.#lit = new Set(changes.flatMap(({ path }) => [path, ...parents(path)]));
    this.document = document;
    this.#still = null;
    this.#exists = true;
    this.at = at;
  }

  /**
   * Whether the newest event changed a value, or something in it.
   * @param {string} path
   */
  lit(path) { return this.#lit.has(path); }

  /**
   * The values that say most, the first of them first.
   * @param {number} now
   * @param {number} most
   * @param {number} detail values of each course
   * @returns {Field[]}
   */
  fields(now, most, detail) {
    const ranked = this.#choice.rank(this.#tracks.all, now, this.seq, most);
    if (ranked.length > 0) return ranked.map(track => this.field(track, detail));
    if (this.#exists) this.#still ??= stillOf(this.document);
    return this.#still ? [this.#still] : [];
  }

  /**
   * @param {Track} track
   * @param {number} detail
   * @returns {Field}
   */
  field(track, detail) {
    const { path, title, kind, unit, type, value, from, at, seq, changes, points, among } = track;
    const whole = kind === 'object' || kind === 'array';
    return {
      path, kind, unit, type, at, seq, changes,
      label: labelOf(path, whole && among > 0 ? '' : title),
      text: shortened(value, kind),
      from: type === 'change' ? shortened(from, kind) : '',
      course: points ? extended(points.course(detail), value, this.at) : [],
      past: track.past,
    };
  }
}

/**
 * The field that is shown for a document that was not seen to change.
 * @param {any} document
 * @returns {Field}
 */
function stillOf(document) {
  const { path, title, kind, value, unit } = guess(document) ?? { path: '', title: '', kind: /** @type {Kind} */ ('text'), value: describe(document), unit: '' };
  const whole = path === '' && typeof document === 'object' && document !== null && !(document instanceof Exact);
  return { path, label: whole ? 'document' : labelOf(path, title), kind, text: shortened(value, kind), unit, from: '', type: '', at: null, seq: 0, changes: 0, course: [], past: [] };
}

/**
 * A course up to the newest event.
 * @param {number[]} course
 * @param {any} value
 * @param {number} at
 */
function extended(course, value, at) {
  const n = numberIn(value);
  if (n !== null && at > course[course.length - 2]) course.push(at, n);
  return course;
}

/**
 * @param {any} value
 * @param {Kind} kind
 */
function shortened(value, kind) {
  if (value === undefined) return '';
  return kind === 'time' ? String(timeIn(value) ?? written(value)) : shorten(written(value), 160);
}

/**
 * labelOf returns words for a path: the thing that has the value, and the last names of the path.
 * @param {string} path
 * @param {string} title of the thing; empty if it has none
 * @param {number} [room] characters for the thing
 */
export function labelOf(path, title, room = 64) {
  const all = segments(path);
  const at = all.findLastIndex(({ sign }) => sign !== '.');
  const names = all.slice(at + 1).map(({ text }) => shorten(text, 64));
  if (at < 0) return shorten(names.slice(-2).join(' › ') || 'value', 60);
  if (names.length === 0 && title === '') return shorten(all.slice(0, at).filter(({ sign }) => sign === '.').slice(-1)[0]?.text ?? 'item', 60);
  const { sign, text } = all[at];
  const thing = title || (sign === '=' ? text : `${all[at - 1]?.text ?? ''}[${text}]`);
  if (title && names.length === 1 && /^(?:value|state|status)$/.test(names[0])) names.pop(); // which says nothing more
  return [shorten(thing, room), ...names.slice(-2)].join(' › ');
}
