/** An array of objects as a table. */

import { TITLES, identityOf } from './identity.js';
import { Exact, kindOf, numberIn, timeIn, written } from './kinds.js';
import { TELLING } from './news.js';
import { element, identified, member } from './paths.js';
import { natural, shorten } from './text.js';

/** @import { Kind } from './kinds.js' */
/** @import { Watch } from './watch.js' */

const TABLES = 8; // of a document
const COLUMNS = 16;
const LOOKED = 200; // rows that the columns are chosen from
const TEXT = 80; // characters of a cell

/**
 * tables lists the arrays of objects in a document, the one that says most first.
 * @param {any} document
 * @param {(path: string) => boolean} lit
 * @returns {{path: string, label: string, array: any[]}[]}
 */
export function tables(document, lit) {
  /** @type {{path: string, label: string, array: any[], worth: number}[]} */ const found = [];
  let nodes = 0;
  /** @type {(value: any, path: string, label: string, depth: number) => void} */
  const visit = (value, path, label, depth) => {
    if (value === null || typeof value !== 'object' || nodes++ > 3000 || depth > 5) return;
    if (!Array.isArray(value)) {
      for (const name of Object.keys(value)) visit(value[name], member(path, name), name, depth + 1);
    } else if (value.length >= 2 && isRow(value[0]) && isRow(value[value.length - 1])) {
      found.push({ path, label: label || 'document', array: value, worth: Math.log2(value.length) - depth + (lit(path) ? 2 : 0) });
    } else for (let i = 0; i < Math.min(value.length, 10); i++) visit(value[i], element(path, i), label, depth + 1);
  };
  visit(document, '', '', 0);
  return found.sort((a, b) => b.worth - a.worth).slice(0, TABLES);
}

/** @typedef {{names: string[], label: string, numeric: boolean, name: string}} Column */

/**
 * columns chooses the columns of a table: first what the rows are called, then what changes, then what differs, such as states
 * before others, then what is the same in all rows.
 * @param {any[]} array
 * @param {string} path
 * @param {Watch} watch
 * @returns {Column[]}
 */
export function columns(array, path, watch) {
  /** @type {Map<string, Found>} */ const found = new Map();
  const step = Math.max(1, Math.floor(array.length / LOOKED));
  const looked = Math.ceil(array.length / step);
  for (let i = 0; i < array.length; i += step) {
    for (const [names, value] of scalars(array[i])) {
      const key = names.reduce(member, '');
      const one = found.get(key) ?? { names, values: new Set(), kinds: [], order: found.size, changes: 0 };
      one.values.add(written(value));
      one.kinds.push(kindOf(value, names[names.length - 1]));
      found.set(key, one);
    }
  }
  for (const { path: at, changes } of watch.tracks.all) {
    if (!at.startsWith(`${path}/`)) continue;
    const column = found.get(at.slice(at.indexOf('/', path.length + 1)).replace(/\/#1$/, ''));
    if (column) column.changes += changes;
  }
  const all = [...found.values()];
  const title = titleAmong(all);
  const worth = (/** @type {Found} */ each) => (each === title ? Infinity : worthOf(each, looked));
  return all.map(each => ({ each, worth: worth(each) })).sort((a, b) => b.worth - a.worth).slice(0, COLUMNS).map(({ each: { names, kinds } }) => ({
    names, name: names[names.length - 1], label: names.join('.'), numeric: kinds.every(kind => kind === 'number' || kind === 'null'),
  }));
}

/**
 * What was found in the rows that were looked at.
 * @typedef {{names: string[], values: Set<string>, kinds: Kind[], order: number, changes: number}} Found
 */

/** The column that says what the rows are called. @param {Found[]} all @returns {Found | undefined} */
function titleAmong(all) {
  const rank = (/** @type {Found} */ { names }) => TITLES.indexOf(names[names.length - 1]) + names.length / 10;
  return all.filter(({ names, values }) => values.size > 1 && TITLES.includes(names[names.length - 1])).sort((a, b) => rank(a) - rank(b))[0];
}

/**
 * How much a column says. A time or an identifier that changes says little.
 * @param {Found} column
 * @param {number} looked rows
 */
function worthOf({ names, values, kinds, order, changes }, looked) {
  const all = (/** @type {Kind} */ wanted) => kinds.every(kind => kind === wanted);
  const change = changes === 0 || all('id') ? 0 : all('time') ? 5 : 40 + Math.min(changes, 20);
  const telling = TELLING.test(names[names.length - 1]) ? 5 : 0;
  return change + telling + (values.size > 1 ? 30 : 0) - (all('id') ? 25 : 0) - 40 * (1 - kinds.length / looked) - order / 10 - names.length * 3;
}

/** The values of an object, and of those in it, two deep. @param {any} object @returns {[string[], any][]} */
function scalars(object) {
  /** @type {[string[], any][]} */ const found = [];
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (isRow(value)) {
      for (const inner of Object.keys(value)) if (!isHolder(value[inner])) found.push([[name, inner], value[inner]]);
    } else if (!isHolder(value)) found.push([[name], value]);
    else if (Array.isArray(value) && value.length === 2 && numberIn(value[1]) !== null && kindOf(value[0], 'time') === 'time') found.push([[name], value[1]]);
  }
  return found;
}

/**
 * @param {any} row
 * @param {Column} column
 */
function valueOf(row, { names }) {
  const value = names.reduce((value, name) => value?.[name], row);
  return Array.isArray(value) ? value[1] : value; // a sample of Prometheus
}

/**
 * @typedef {object} Cell
 * @property {Kind} kind
 * @property {string} text
 * @property {boolean} lit
 * @property {number[]} course
 */

/**
 * part returns a part of a table.
 * @param {any[]} array
 * @param {string} path
 * @param {Column[]} columns
 * @param {{by: number, down: boolean} | null} sort by a column; -1 is the time of the last change
 * @param {number} from
 * @param {number} to
 * @param {Watch} watch
 */
export function part(array, path, columns, sort, from, to, watch) {
  const identify = identityOf(array);
  let order = [...array.keys()];
  if (sort) order = sorted(array, path, columns, sort, watch);
  return order.slice(from, to).map(i => {
    const row = rowPath(path, i, array[i], identify);
    return {
      path: row,
      isNew: watch.tracks.get(row)?.type === 'add' && watch.lit(row),
      cells: columns.map(column => {
        const value = valueOf(array[i], column);
        const at = column.names.reduce(member, row);
        const cell = Array.isArray(array[i][column.names[0]]) ? element(at, 1) : at;
        const kind = value === undefined ? 'null' : kindOf(value, column.name);
        const points = watch.tracks.get(cell)?.points;
        return {
          kind, lit: watch.lit(cell), course: points && points.length > 1 ? points.course(24) : [],
          text: value === undefined ? '' : kind === 'time' ? String(timeIn(value) ?? written(value)) : shorten(written(value), TEXT),
        };
      }),
    };
  });
}

/**
 * @param {any[]} array
 * @param {string} path
 * @param {Column[]} columns
 * @param {{by: number, down: boolean}} sort
 * @param {Watch} watch
 */
function sorted(array, path, columns, { by, down }, watch) {
  const sign = down ? -1 : 1;
  if (by < 0) {
    /** @type {Map<string, number>} */ const changed = new Map();
    for (const { path: at, seq } of watch.tracks.all) {
      if (!at.startsWith(`${path}/`)) continue;
      const end = at.indexOf('/', path.length + 1);
      const row = end < 0 ? at : at.slice(0, end);
      changed.set(row, Math.max(changed.get(row) ?? 0, seq));
    }
    const identify = identityOf(array);
    const seqs = array.map((row, i) => changed.get(rowPath(path, i, row, identify)) ?? 0);
    return [...array.keys()].sort((a, b) => sign * (seqs[a] - seqs[b]) || a - b);
  }
  const column = columns[by];
  if (!column) return [...array.keys()];
  const values = array.map(row => valueOf(row, column));
  const numbers = values.map(numberIn);
  const texts = values.map(value => (value === undefined || value === null ? '' : written(value)));
  return [...array.keys()].sort((a, b) => {
    const [x, y] = [numbers[a], numbers[b]];
    if (x !== null && y !== null) return sign * (x - y) || a - b;
    if (texts[a] === '' || texts[b] === '') return Number(texts[a] === '') - Number(texts[b] === '') || a - b; // what is missing comes last
    return sign * natural(texts[a], texts[b]) || a - b;
  });
}

/**
 * @param {string} path
 * @param {number} i
 * @param {any} row
 * @param {((element: any) => string | null) | null} identify
 */
function rowPath(path, i, row, identify) {
  const id = identify?.(row) ?? null;
  return id === null ? element(path, i) : identified(path, id);
}

/** @param {any} value */
function isHolder(value) { return value !== null && typeof value === 'object' && !(value instanceof Exact); }

/** @param {any} value */
function isRow(value) { return isHolder(value) && !Array.isArray(value); }
