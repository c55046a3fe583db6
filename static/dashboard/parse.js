/** JSON whose numbers stay as the upstream wrote them. */

import { Exact } from './kinds.js';

const RISKY = /[\d.]{16,}|\d[eE][+-]?\d{2,}/; // a number that JavaScript may not hold

/**
 * parse is JSON.parse, but for a number that JavaScript cannot hold it has an Exact, if the browser tells its text.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  if (!RISKY.test(text)) return JSON.parse(text);
  return JSON.parse(text, /** @type {any} */ ((/** @type {string} */ _, /** @type {any} */ value, /** @type {any} */ context) => {
    const source = typeof value === 'number' ? context?.source : undefined;
    return source === undefined || same(source, value) ? value : new Exact(source);
  }));
}

/**
 * Whether a number and its text are the same.
 * @param {string} source
 * @param {number} value
 */
function same(source, value) {
  if (String(value) === source) return true;
  const digits = source.replace(/[eE].*$/, '').replace(/\D/g, '').replace(/^0+/, '');
  return digits.length <= 15 && Number.isFinite(value);
}
