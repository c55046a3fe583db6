/** The numbers in a series of documents. */

/** @typedef {{value: number, at: number}} Point a number, and when it arrived in milliseconds since 1970 */

const PATHS = 50; // numbers of one document
const NODES = 5000; // values of one document that are visited
const DEPTH = 8;

/**
 * numbers finds the numbers in a document, in its order, with their paths: `value`, `a.b`, `list[0].price`. The path of a
 * document that is itself a number is `value`.
 * @param {any} document
 * @returns {Map<string, number>} at most 50
 */
export function numbers(document) {
  /** @type {Map<string, number>} */
  const found = new Map();
  let nodes = 0;
  /** @type {(node: any, path: string, depth: number) => void} */
  const visit = (node, path, depth) => {
    if (found.size >= PATHS || nodes++ >= NODES || depth > DEPTH) return;
    if (typeof node === 'number' && Number.isFinite(node)) {
      found.set(path || 'value', node);
    } else if (Array.isArray(node)) {
      for (let i = 0; i < node.length && nodes < NODES; i++) visit(node[i], `${path}[${i}]`, depth + 1);
    } else if (node !== null && typeof node === 'object') {
      for (const key of Object.keys(node)) visit(node[key], path ? `${path}.${key}` : key, depth + 1);
    }
  };
  visit(document, '', 0);
  return found;
}

/**
 * Series keeps the last values of each number in a stream of documents, and chooses the number to draw: the one named
 * `value`; else the first one that changes; else the first one. `choose` overrides that.
 */
export class Series {
  #limit;
  /** @type {Map<string, Point[]>} */ #points = new Map();
  /** @type {string[]} */ #newest = [];
  #chosen = '';
  #settled = false; // the choice is final

  /** @param {number} limit values kept for each number, 1 and up */
  constructor(limit) {
    this.#limit = limit;
  }

  /** The path of the number to draw; empty while there is none. */
  get chosen() { return this.#chosen; }

  /** The paths of the numbers in the newest document. */
  get paths() { return this.#newest; }

  /** The chosen number's points, oldest first. */
  get points() { return this.#points.get(this.#chosen) ?? []; }

  /** @param {string} path to draw from now on */
  choose(path) {
    this.#chosen = path;
    this.#settled = true;
  }

  /**
   * @param {any} document
   * @param {number} at milliseconds since 1970
   */
  add(document, at) {
    const found = numbers(document);
    this.#newest = [...found.keys()];
    for (const path of this.#points.keys()) {
      if (!found.has(path)) this.#points.delete(path);
    }
    let changed = '';
    for (const [path, value] of found) {
      const points = this.#points.get(path) ?? [];
      if (!changed && points.length > 0 && points[points.length - 1].value !== value) changed = path;
      points.push({ value, at });
      if (points.length > this.#limit) points.shift();
      this.#points.set(path, points);
    }
    if (!found.has(this.#chosen)) {
      this.#chosen = found.has('value') ? 'value' : this.#newest[0] ?? '';
      this.#settled = this.#chosen === 'value';
    }
    if (!this.#settled && changed) this.choose(changed);
  }
}
