/** A value as the page shows it. */

import { grouped, kindAt, timeIn, written } from './kinds.js';
import { shorten } from './text.js';
import { ago, brief, moment } from './time.js';

/** @import { Kind } from './kinds.js' */
/** @import { Field } from './watch.js' */

/**
 * shown returns the text of a value: a time as a time, and a number with its digits in groups.
 * @param {Kind} kind
 * @param {string} text of the value; of a time milliseconds since 1970, if it can be read
 */
export function shown(kind, text) { return kind === 'number' ? grouped(text) : plain(kind, text); }

/**
 * plain returns the text of a value with numbers as they are written.
 * @param {Kind} kind
 * @param {string} text
 */
export function plain(kind, text) {
  return kind === 'time' && /^-?\d+(?:\.\d+)?$/.test(text) ? moment(Number(text)) : text;
}

/**
 * beside returns what to add to a time: how long ago it was.
 * @param {Kind} kind
 * @param {string} text
 * @param {number | null} now the server's time
 */
export function beside(kind, text, now) {
  if (kind !== 'time' || now === null || !/^-?\d+(?:\.\d+)?$/.test(text)) return '';
  const past = now - Number(text);
  return past >= 0 ? ago(past) : `in ${brief(-past)}`;
}

/**
 * headed returns the label of a value, with what happened to it if it came or went.
 * @param {Field} field
 */
export function headed({ label, type, kind }) {
  const whole = kind === 'object' || kind === 'array';
  if (type === 'add') return whole ? `New in ${label}` : `${label} came`;
  if (type === 'remove') return whole ? `Gone from ${label}` : `${label} went`;
  return label;
}

/**
 * told returns a value of a document as a text: a time as one, whatever number or text the document has for it.
 * @param {any} value
 * @param {string} path
 * @param {number} room characters
 */
export function told(value, path, room) {
  const time = kindAt(value, path) === 'time' ? timeIn(value) : null;
  return time === null ? shorten(written(value), room) : moment(time);
}
