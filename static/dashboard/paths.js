/**
 * The path of a value in a document, as one text. Each segment begins with a slash and a sign: `.` before the name of a
 * member, `#` before the index in an array, `=` before the identity of an object in an array whose objects have one. A
 * path with identities stays the path of the same thing when elements are inserted before it.
 */

/** @param {string} text */
const escape = text => text.replaceAll('~', '~0').replaceAll('/', '~1');

/** @param {string} text */
const unescape = text => text.replaceAll('~1', '/').replaceAll('~0', '~');

/**
 * @param {string} path
 * @param {string} name
 */
export function member(path, name) { return `${path}/.${escape(name)}`; }

/**
 * @param {string} path
 * @param {number} index
 */
export function element(path, index) { return `${path}/#${index}`; }

/**
 * @param {string} path
 * @param {string} identity
 */
export function identified(path, identity) { return `${path}/=${escape(identity)}`; }

/**
 * segments returns the segments of a path.
 * @param {string} path
 * @returns {{sign: '.' | '#' | '=', text: string}[]}
 */
export function segments(path) {
  return path.split('/').slice(1).map(each => ({ sign: /** @type {any} */ (each[0]), text: unescape(each.slice(1)) }));
}

/**
 * parents returns the paths of all that a value is in, the document first.
 * @param {string} path
 */
export function parents(path) {
  const found = [];
  for (let at = path.length; at > 0;) {
    at = path.lastIndexOf('/', at - 1);
    found.push(path.slice(0, at));
  }
  return found.reverse();
}

/**
 * nameIn returns the name that says most about a value: that of its member, or of the member whose array has it.
 * @param {string} path
 */
export function nameIn(path) {
  for (const { sign, text } of segments(path).reverse()) if (sign === '.') return text;
  return '';
}

/**
 * expression returns a path as jq and JavaScript write it: `.items[3]["a b"]`.
 * @param {(string | number)[]} keys
 */
export function expression(keys) {
  if (keys.length === 0) return '.';
  const text = keys.map(key => (typeof key === 'number' ? `[${key}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)).join('');
  return text.startsWith('[') ? `.${text}` : text;
}
