/** Random documents and their differences, for tests of properties. The same seed gives the same documents. */

/** Names that careless code loses. */
const NAMES = ['a', 'b', 'c', '', '/', '~', '~1', '0', '-', '01', '__proto__', 'constructor', 'toString', '\u00e9', '\u{1f600}'];

/** Random is a small generator of numbers (mulberry32), good enough for tests. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed;
  }

  /** A whole number from [0, n). @param {number} n */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % n;
  }

  /** @template T @param {readonly T[]} list */
  of(list) {
    return list[this.below(list.length)];
  }
}

/**
 * A JSON value, as text, so that `__proto__` is a member like any other.
 * @param {Random} random
 * @param {number} [depth] the largest nesting of containers
 * @returns {string}
 */
export function text(random, depth = 3) {
  const kind = random.below(depth > 0 ? 10 : 5);
  if (kind < 5) return random.of(['null', 'true', 'false', '""', '"x"', '0', '-1.5', '1', '2', '3']);
  const parts = Array.from({ length: random.below(5) }, () => text(random, depth - 1));
  if (kind < 7) return `[${parts.join(',')}]`;
  return `{${parts.map(part => `${JSON.stringify(random.of(NAMES))}:${part}`).join(',')}}`;
}

/**
 * A copy of a value, in which something may have changed.
 * @param {Random} random
 * @param {any} value
 * @returns {any}
 */
export function changed(random, value) {
  if (typeof value !== 'object' || value === null || random.below(8) === 0) return JSON.parse(text(random, 2));
  if (Array.isArray(value)) {
    const copy = value.map(element => (random.below(3) === 0 ? changed(random, element) : element));
    if (random.below(2)) copy.splice(random.below(copy.length + 1), random.below(2), JSON.parse(text(random, 1)));
    return copy;
  }
  const members = Object.entries(value).filter(() => random.below(5) > 0)
    .map(([name, member]) => [name, random.below(3) === 0 ? changed(random, member) : member]);
  if (random.below(2)) members.push([random.of(NAMES), JSON.parse(text(random, 1))]);
  return Object.fromEntries(members);
}

/**
 * A JSON Patch that turns one document into another.
 * @param {any} from
 * @param {any} to
 * @param {string} [path]
 * @returns {any[]}
 */
export function patchOf(from, to, path = '') {
  if (same(from, to)) return [];
  if (Array.isArray(from) && Array.isArray(to)) {
    const both = Math.min(from.length, to.length);
    return [
      ...from.slice(0, both).flatMap((element, i) => patchOf(element, to[i], `${path}/${i}`)),
      ...from.slice(both).map(() => ({ op: 'remove', path: `${path}/${both}` })),
      ...to.slice(both).map(value => ({ op: 'add', path: `${path}/-`, value })),
    ];
  }
  if (!isObject(from) || !isObject(to)) return [{ op: 'replace', path, value: to }];
  const below = (/** @type {string} */ name) => `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return [
    ...Object.keys(from).filter(name => !Object.hasOwn(to, name)).map(name => ({ op: 'remove', path: below(name) })),
    ...Object.entries(to).flatMap(([name, value]) => (Object.hasOwn(from, name)
      ? patchOf(from[name], value, below(name)) : [{ op: 'add', path: below(name), value }])),
  ];
}

/**
 * A JSON Merge Patch that turns one document into another; undefined if there is none, because it cannot set a member
 * to null.
 * @param {any} from
 * @param {any} to
 * @returns {any}
 */
export function mergeOf(from, to) {
  if (!isObject(to)) return to;
  const old = isObject(from) ? from : {};
  /** @type {[string, any][]} */
  const members = [];
  for (const name of Object.keys(old)) if (!Object.hasOwn(to, name)) members.push([name, null]);
  for (const [name, value] of Object.entries(to)) {
    const before = Object.hasOwn(old, name) ? old[name] : undefined;
    if (same(before, value)) continue;
    const member = value === null ? undefined : mergeOf(before, value);
    if (member === undefined) return undefined;
    members.push([name, member]);
  }
  return Object.fromEntries(members);
}

/**
 * Random operations, many of which are impossible. Their paths exist in the document, or are wrong.
 * @param {Random} random
 * @param {any} document
 */
export function operations(random, document) {
  const paths = [...pathsOf(document),
    '', '/a', '/b', '/0', '/-', '/1/0', '/a/b', '/__proto__', '/constructor/prototype', 'a', '/~'];
  return Array.from({ length: 1 + random.below(6) }, () => ({
    op: random.of(['add', 'add', 'remove', 'replace', 'move', 'copy', 'copy', 'test']),
    path: random.of(paths) + random.of(['', '', '', '/a', '/0', '/-']), from: random.of(paths),
    value: JSON.parse(text(random, 2)),
  }));
}

/** @param {any} value @param {string} [path] @returns {string[]} */
function pathsOf(value, path = '') {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) =>
    pathsOf(member, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`))];
}

/**
 * Freezes a value deeply, so that code that modifies it gets a TypeError.
 * @template T
 * @param {T} value
 * @returns {T}
 */
export function frozen(value) {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(Object.freeze(value)).forEach(frozen);
  }
  return value;
}

/** Whether values are the same JSON in the same order. @param {any} a @param {any} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** @param {any} value */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
