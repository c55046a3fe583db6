/** What an object in an array is known by, and what it is called. */

import { Exact, written } from './kinds.js';
import { count, shorten } from './text.js';

const KEYS = ['id', 'uid', 'uuid', 'key', 'entity_id', 'station_id', 'vehicle_id', 'symbol', 'ticker', 'code', 'slug', 'name', 'instance', 'hostname', 'title', 'number'];
const NESTED = [['metadata', 'uid'], ['metadata', 'name'], ['properties', 'id'], ['properties', 'code']];
/** The members by which people call an object, the best one first. */
export const TITLES = ['title', 'display_title', 'name', 'displayName', 'display_name', 'friendly_name', 'label', 'symbol', 'headline', 'summary', 'subject', 'login',
  'entity_id', 'station_id', 'instance', 'hostname', 'code', 'key', 'id'];
const WITHIN = [['attributes', 'friendly_name'], ['properties', 'title'], ['properties', 'name'], ['properties', 'place'], ['metadata', 'name'], ['node', 'name'], ['node', 'title']];
const MOST = 3000; // objects of an array that are looked at

/** @typedef {(element: any) => string | null} Identify */

/** @type {WeakMap<any[], Identify | null>} */ const known = new WeakMap();

/**
 * identityOf returns what tells the identity of each object in an array: a member that all of them have, each with another
 * value; null if there is none.
 * @param {any[]} array
 * @returns {Identify | null}
 */
export function identityOf(array) {
  const old = known.get(array);
  if (old !== undefined) return old;
  const found = find(array);
  known.set(array, found);
  return found;
}

/** @param {any[]} array */
function find(array) {
  if (array.length === 0 || !isObject(array[0])) return null;
  const names = Object.keys(array[0]);
  const others = names.filter(name => !KEYS.includes(name) && /(?:^|_)id$|[a-z]Id$/.test(name));
  /** @type {Identify[]} */
  const candidates = [
    ...[...KEYS, ...others].filter(name => names.includes(name)).map(name => (/** @type {any} */ each) => scalar(each[name])),
    ...NESTED.filter(([outer]) => names.includes(outer)).map(([outer, inner]) => (/** @type {any} */ each) => scalar(each[outer]?.[inner])),
    ...(isObject(array[0].metric) ? [(/** @type {any} */ each) => JSON.stringify(each.metric ?? null)] : []),
  ];
  return candidates.find(candidate => fits(array, candidate)) ?? null;
}

/**
 * Whether a candidate tells all elements apart.
 * @param {any[]} array
 * @param {Identify} candidate
 */
export function fits(array, candidate) {
  const seen = new Set();
  for (let i = 0; i < array.length; i++) {
    if (!isObject(array[i])) return false;
    const value = candidate(array[i]);
    if (value === null || seen.has(value)) return false;
    if (i < MOST) seen.add(value);
    else if (i > MOST) break;
  }
  return true;
}

/**
 * titleOf returns what people call an object; empty if that is not known.
 * @param {any} object
 * @returns {string}
 */
export function titleOf(object) {
  if (!isObject(object)) return '';
  for (const [outer, inner] of WITHIN) {
    const value = object[outer]?.[inner];
    if (typeof value === 'string' && value) return value;
  }
  for (const name of TITLES) {
    const value = object[name];
    if (typeof value === 'string' && value || typeof value === 'number') return String(value);
  }
  return isObject(object.metric) ? labels(object.metric) : '';
}

/**
 * wordsOf returns the title of an object, or else a few words about any value: how many items or fields it has, or its text.
 * @param {any} value
 */
export function wordsOf(value) { return titleOf(value) || describe(value); }

/**
 * describe returns a few words about a document without a value to show.
 * @param {any} value
 */
export function describe(value) {
  if (Array.isArray(value)) return count(value.length, 'item');
  return isObject(value) && !(value instanceof Exact) ? count(Object.keys(value).length, 'field') : shorten(written(value), 60);
}

/**
 * The labels of a metric of Prometheus, without those that say little.
 * @param {any} metric
 */
function labels(metric) {
  const names = Object.keys(metric).filter(name => name !== '__name__' && name !== 'job');
  return (names.length > 0 ? names : Object.keys(metric)).map(name => String(metric[name])).join(' ');
}

/**
 * unitOf returns the unit of a member of an object, as documents that have units write them; empty if there is none.
 * @param {any} object
 * @param {string} name
 * @param {any} [outer] the object that the object is in
 * @param {string} [within] the name of the member that has it
 */
export function unitOf(object, name, outer, within) {
  for (const unit of [object?.[`${name}_unit`], object?.unit_of_measurement, object?.attributes?.unit_of_measurement,
    outer?.[`${within}_units`]?.[name], object?.units?.[name], object?.unit, outer?.unit_of_measurement]) {
    if (typeof unit === 'string' && unit.length < 12) return unit;
  }
  return '';
}

/** @param {any} value */
function isObject(value) { return value !== null && typeof value === 'object' && !Array.isArray(value); }

/** @param {any} value */
function scalar(value) { return typeof value === 'string' || typeof value === 'number' ? String(value) : null; }
