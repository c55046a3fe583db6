/**
 * Deltas of JSON documents: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).
 *
 * Documents are values that JSON.parse returns. They are never modified: the result is new where it differs, and shares
 * the rest with the document and the patch. Every member is an own property, even `__proto__` and `constructor`, so
 * nothing in a document or a patch reaches a prototype.
 */

/**
 * applyPatch returns the document after the operations. If one of them cannot be applied, it throws an Error that names
 * the operation.
 * @param {any} document
 * @param {any} ops a JSON Patch (RFC 6902), as parsed
 * @returns {any}
 */
export function applyPatch(document, ops) {
  if (!Array.isArray(ops)) throw new Error('pollux: a patch is not an array of operations');
  const draft = new Draft(document);
  ops.forEach((op, n) => {
    try {
      perform(draft, op);
    } catch (error) {
      const what = op && `${op.op} ${op.path}`.slice(0, 100);
      throw new Error(`pollux: operation ${n} of a patch, ${what}: ${/** @type {Error} */ (error).message}`);
    }
  });
  return draft.document;
}

/**
 * applyMerge returns the document after a merge patch. Any JSON value is a merge patch, so it never throws.
 * @param {any} document
 * @param {any} patch a JSON Merge Patch (RFC 7396), as parsed
 * @returns {any}
 */
export function applyMerge(document, patch) {
  if (!isObject(patch)) return patch;
  const merged = isObject(document) ? { ...document } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else put(merged, name, applyMerge(Object.hasOwn(merged, name) ? merged[name] : null, value));
  }
  return merged;
}

/**
 * @param {Draft} draft
 * @param {any} op
 */
function perform(draft, op) {
  const path = tokens(op, 'path');
  switch (op.op) {
    case 'add': return draft.add(path, valueOf(op));
    case 'remove': return void draft.remove(path);
    case 'replace': return draft.replace(path, valueOf(op));
    case 'move': return draft.move(tokens(op, 'from'), path);
    case 'copy': return draft.copy(tokens(op, 'from'), path);
    case 'test': return draft.test(path, valueOf(op));
    default: throw new Error('there is no such operation');
  }
}

/** Draft is a document that is being changed. Containers on the path to a change are copied once; others stay shared. */
class Draft {
  /** @type {Set<object>} */ #own = new Set(); // the copies, each of which is in one place only

  /** @param {any} document */
  constructor(document) {
    this.document = document;
  }

  /**
   * @param {string[]} path
   * @param {any} value
   */
  add(path, value) {
    if (path.length === 0) return void (this.document = value);
    const [container, token] = this.#open(path);
    if (!Array.isArray(container)) return put(container, token, value);
    container.splice(token === '-' ? container.length : index(token, container.length + 1), 0, value);
  }

  /** @param {string[]} path */
  remove(path) {
    if (path.length === 0) throw new Error('the whole document cannot be removed');
    const [container, token] = this.#open(path);
    const key = locate(container, token);
    const value = container[key];
    if (Array.isArray(container)) container.splice(Number(key), 1);
    else delete container[key];
    return value;
  }

  /**
   * @param {string[]} path
   * @param {any} value
   */
  replace(path, value) {
    if (path.length === 0) return void (this.document = value);
    const [container, token] = this.#open(path);
    put(container, locate(container, token), value);
  }

  /**
   * @param {string[]} from
   * @param {string[]} path
   */
  move(from, path) {
    if (from.every((token, i) => token === path[i])) {
      if (from.length < path.length) throw new Error('a value cannot move into itself');
      return void this.#read(from);
    }
    this.add(path, this.remove(from));
  }

  /**
   * @param {string[]} from
   * @param {string[]} path
   */
  copy(from, path) {
    const value = this.#read(from);
    this.#own.clear(); // copies in it are now in two places
    this.add(path, value);
  }

  /**
   * @param {string[]} path
   * @param {any} value
   */
  test(path, value) {
    if (!equal(this.#read(path), value)) throw new Error('something else is there');
  }

  /** @param {string[]} path */
  #read(path) {
    return path.reduce((value, token) => value[locate(value, token)], this.document);
  }

  /**
   * Copies the containers on a path, and returns the last one and the last token.
   * @param {string[]} path
   * @returns {[container: any, token: string]}
   */
  #open(path) {
    let container = this.document = this.#copyOf(this.document);
    for (const token of path.slice(0, -1)) {
      const key = locate(container, token);
      const inner = this.#copyOf(container[key]);
      put(container, key, inner);
      container = inner;
    }
    return [container, path[path.length - 1]];
  }

  /** @param {any} value */
  #copyOf(value) {
    if (this.#own.has(value)) return value;
    if (!Array.isArray(value) && !isObject(value)) throw new Error('nothing is there');
    const copy = Array.isArray(value) ? value.slice() : { ...value };
    this.#own.add(copy);
    return copy;
  }
}

/**
 * The tokens of the JSON Pointer (RFC 6901) in a member of an operation.
 * @param {any} op
 * @param {'path' | 'from'} name
 * @returns {string[]}
 */
function tokens(op, name) {
  const pointer = op?.[name];
  if (typeof pointer !== 'string' || (pointer && pointer[0] !== '/') || /~(?![01])/.test(pointer)) {
    throw new Error(`its ${name} is not a JSON Pointer`);
  }
  return pointer.split('/').slice(1).map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** @param {any} op */
function valueOf(op) {
  if (!Object.hasOwn(op, 'value')) throw new Error('it has no value');
  return op.value;
}

/**
 * The key in a container of the value that a token names.
 * @param {any} container
 * @param {string} token
 */
function locate(container, token) {
  if (Array.isArray(container)) return String(index(token, container.length));
  if (!isObject(container) || !Object.hasOwn(container, token)) throw new Error('nothing is there');
  return token;
}

/**
 * @param {string} token
 * @param {number} end
 */
function index(token, end) {
  if (!/^(?:0|[1-9][0-9]*)$/.test(token) || Number(token) >= end) throw new Error('nothing is there');
  return Number(token);
}

/**
 * Sets a member or element. An assignment would not set `__proto__`.
 * @param {any} container
 * @param {string} key
 * @param {any} value
 */
function put(container, key, value) {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
}

/** @param {any} value */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Whether two values are the same JSON. The order of members does not matter.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
function equal(a, b) {
  if (a === b) return true;
  if (!(isObject(a) && isObject(b)) && !(Array.isArray(a) && Array.isArray(b))) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => Object.hasOwn(b, key) && equal(a[key], b[key]));
}
