/** What a value of a document is to people: a number, a state, a time, an identifier. */

import { nameIn } from './paths.js';

/**
 * `state` is one of a few words that a thing can be, such as `operational`; `text` is any other text.
 * @typedef {'number' | 'state' | 'text' | 'boolean' | 'null' | 'time' | 'id' | 'object' | 'array'} Kind
 */

const TIMES = /(?:time|date|stamp|_at|At|ated|since|until|last|seen|expires?|eta|start|end|reported|changed|now)(?:_?(?:ms|utc|at|iso8601|secs?))?$|^(?:time|date|ts|t|on|at|updated|created|generated)$/i;
const COUNTS = /bytes|size|count|total|num|amount|volume|price|value|capacity|sequence|seq$/i;
const IDS = /(?:^|[_.\-:/])(?:id|ids|uid|uuid|guid|etag|hash|sha|sha1|sha256|digest|node_id|trace|nonce|url|href|self|link)$|[a-z](?:Id|Uid|UUID|Hash|Url|Version)$|^(?:generation|resourceVersion|version|build_?number|run_?number|context)$/;
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?$/;
const RFC1123 = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, \d{1,2} [A-Z][a-z]{2} \d{4} /;
const NUMBER = /^[+-]?(?:\d+|\d*\.\d+|\d+\.\d*)(?:[eE][+-]?\d+)?$/;
const OPAQUE = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{16,}$|[0-9A-HJKMNP-TV-Z]{26}$|https?:\/\/|data:|eyJ)/i;

/** Exact is a number that JavaScript cannot hold, kept as the upstream wrote it. */
export class Exact {
  /** @param {string} text */
  constructor(text) { this.text = text; }
  toJSON() { return /** @type {any} */ (JSON).rawJSON?.(this.text) ?? Number(this.text); }
}

/**
 * kindOf returns the kind of a value.
 * @param {any} value
 * @param {string} name of its member, or of the member whose array has it; empty for a whole document
 * @returns {Kind}
 */
export function kindOf(value, name) {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return isEpoch(value, name) ? 'time' : IDS.test(name) ? 'id' : 'number';
  if (value instanceof Exact) return IDS.test(name) ? 'id' : 'number';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'object') return 'object';
  if (ISO.test(value) || RFC1123.test(value)) return 'time';
  if (IDS.test(name) || OPAQUE.test(value)) return 'id';
  if (value.length < 20 && NUMBER.test(value)) return isEpoch(Number(value), name) && TIMES.test(name) ? 'time' : 'number';
  return value.length <= 48 && value.split(' ').length <= 5 && !/\d/.test(value) ? 'state' : 'text';
}

/**
 * kindAt returns the kind of a value by its path. In a pair that begins with a time, such as a sample of Prometheus, that is
 * told by its size alone.
 * @param {any} value
 * @param {string} path
 * @returns {Kind}
 */
export function kindAt(value, path) {
  if (path.endsWith('/#0') && value > 1e9 && value < 2.6e9) return 'time';
  return kindOf(value, nameIn(path));
}

/**
 * Whether a number is a time since 1970: in milliseconds, or in seconds if the name says so.
 * @param {number} value
 * @param {string} name
 */
function isEpoch(value, name) {
  if (COUNTS.test(name) && !TIMES.test(name)) return false;
  if (value > 1e12 && value < 2.6e12) return Number.isInteger(value);
  return value > 1e9 && value < 2.6e9 && TIMES.test(name);
}

/**
 * numberIn returns the number that a value is, or that its text is; null if it is none.
 * @param {any} value
 */
export function numberIn(value) {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Exact) return Number(value.text);
  return typeof value === 'string' && value.length < 20 && NUMBER.test(value) ? Number(value) : null;
}

/**
 * timeIn returns the time that a value of the kind `time` is, in milliseconds since 1970; null if it is none.
 * @param {any} value
 */
export function timeIn(value) {
  const n = numberIn(value);
  if (n !== null) return n > 1e11 ? n : n * 1000;
  const text = String(value);
  const time = Date.parse(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::[\d.,]+)?$/.test(text) ? `${text.replace(' ', 'T')}Z` : text);
  return Number.isNaN(time) ? null : time;
}

/**
 * written returns a value as one text: a string as it is, anything else as JSON.
 * @param {any} value
 * @returns {string}
 */
export function written(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Exact) return value.text;
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    return '…'; // it is too deep
  }
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

/**
 * brief returns a number in at most about seven characters.
 * @param {number} n
 */
export function briefNumber(n) {
  return Math.abs(n) >= 1e5 ? compact.format(n) : String(Number(n.toPrecision(5)));
}

/**
 * grouped returns the text of a number with its digits in groups, and as many of them as the upstream wrote: `67,123.50`.
 * @param {string} text
 */
export function grouped(text) {
  const [, sign, whole, rest] = /^([+-]?)(\d+)(.*)$/.exec(text) ?? [];
  if (whole === undefined || whole.length < 5) return text;
  return sign + whole.replace(/\B(?=(?:\d{3})+$)/g, ',') + rest;
}
