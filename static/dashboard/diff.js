/** What has changed between two documents. */

import { fits, identityOf, titleOf } from './identity.js';
import { Exact } from './kinds.js';
import { element, identified, member } from './paths.js';

/**
 * A value that changed, came or went. An object that comes is told by what is in it, unless it is an element. `title` is what people call the object that has it, and `holder` is that object.
 * @typedef {object} Change
 * @property {string} path
 * @property {'change' | 'add' | 'remove'} type
 * @property {any} before
 * @property {any} after
 * @property {string} name of the member
 * @property {any} holder the newest object that has it; null for the document and elements of arrays
 * @property {any} outer the object that the holder is in
 * @property {string} within the name of the member of `outer`
 * @property {string} title
 * @property {number} among how many elements the array has to which it came or from which it went; 0 for a member
 */

/** @typedef {{holder: any, outer: any, name: string, within: string, title: string, among: number}} Place */

const DEEP = 300; // levels of which each is looked into

/** @type {Place} */
const TOP = { holder: null, outer: null, name: '', within: '', title: '', among: 0 };

/**
 * diff lists the values that differ, down to the smallest ones, in the order of the newer document. Objects in arrays are
 * compared with those of the same identity, wherever they are.
 * @param {any} before
 * @param {any} after
 * @param {number} limit of changes
 * @returns {{changes: Change[], more: boolean}} `more`: there are others
 */
export function diff(before, after, limit) {
  /** @type {Change[]} */ const changes = [];
  let more = false;
  /** @type {(type: Change['type'], path: string, before: any, after: any, place: Place) => void} */
  const tell = (type, path, before, after, place) => {
    if (changes.length < limit) changes.push({ type, path, before, after, ...place });
    else more = true;
  };
  /** @type {(a: any, b: any, path: string, place: Place) => void} */
  const visit = (a, b, path, place) => {
    if (a === b || more) return;
    if (path.length > DEEP * 2 && path.split('/').length > DEEP) return tell('change', path, '…', '…', { ...place, among: 0 });
    if (Array.isArray(a) && Array.isArray(b)) return list(a, b, path, place);
    if (!isPlain(a) || !isPlain(b)) {
      if (!(a instanceof Exact && b instanceof Exact && a.text === b.text)) tell('change', path, a, b, { ...place, among: 0 });
      return;
    }
    /** @type {(name: string) => Place} */
    const inner = name => ({ holder: b, outer: place.holder, name, within: place.name, title: place.title, among: 0 });
    for (const name of Object.keys(b)) {
      if (Object.hasOwn(a, name)) {
        if (a[name] !== b[name]) visit(a[name], b[name], member(path, name), inner(name));
      } else if (isPlain(b[name]) && Object.keys(b[name]).length > 0) visit({}, b[name], member(path, name), inner(name));
      else tell('add', member(path, name), undefined, b[name], inner(name));
    }
    for (const name of Object.keys(a)) if (!Object.hasOwn(b, name)) tell('remove', member(path, name), a[name], undefined, inner(name));
  };
  /** @type {(a: any[], b: any[], path: string, place: Place) => void} */
  const list = (a, b, path, place) => {
    const identify = identityOf(b) ?? identityOf(a);
    const among = Math.max(a.length, b.length);
    /** @type {(each: any) => Place} */
    const inner = each => ({ ...place, title: titleIn(place.title, titleOf(each), among), among });
    if (!identify || !fits(a, identify) || !fits(b, identify)) {
      for (let i = 0; i < b.length; i++) {
        if (i >= a.length) tell('add', element(path, i), undefined, b[i], inner(b[i]));
        else if (a[i] !== b[i]) visit(a[i], b[i], element(path, i), inner(b[i]));
      }
      for (let i = b.length; i < a.length; i++) tell('remove', element(path, i), a[i], undefined, inner(a[i]));
      return;
    }
    const old = new Map(a.map(each => [identify(each), each]));
    for (const each of b) {
      const id = /** @type {string} */ (identify(each));
      if (old.has(id)) visit(old.get(id), each, identified(path, id), inner(each));
      else tell('add', identified(path, id), undefined, each, inner(each));
      old.delete(id);
    }
    for (const [id, each] of old) tell('remove', identified(path, String(id)), each, undefined, inner(each));
  };
  visit(before, after, '', TOP);
  return { changes, more };
}

/**
 * What people call an element of an array in a thing. The only element is the thing.
 * @param {string} thing
 * @param {string} own
 * @param {number} among
 */
function titleIn(thing, own, among) {
  if (!thing || !own) return own || thing;
  return among === 1 ? thing : `${thing} › ${own}`;
}

/** @param {any} value */
function isPlain(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Exact);
}
