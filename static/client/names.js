/** The streams of an EventStream. They can change, while the position stays. */

/** The most streams of one connection, for which the server has the same bound. */
export const MAX_STREAMS = 100;

const STREAM = /^(?!(?:error|hb|merge|message|open|patch|reset|snapshot|status)$)[A-Za-z0-9._-]{1,64}$/;
const KEY = /^(?!\.\.?$)[!#-+\-.0-[\]-~]{1,128}$/; // printable ASCII without `"`, `,`, `/` and `\`, and no `.` or `..`

/**
 * isKey reports whether a server can have that key, if the pattern of its stream matches.
 * @param {string} key
 */
export function isKey(key) { return KEY.test(key); }

/**
 * isKeyName reports whether a name is that of a key which a server can have, such as `prices/BTC`. A server refuses a
 * connection with any other name, even if it has the other streams.
 * @param {string} name
 */
export function isKeyName(name) {
  const slash = name.indexOf('/');
  return slash > 0 && STREAM.test(name.slice(0, slash)) && isKey(name.slice(slash + 1));
}

/**
 * Names keeps the streams of the current connection, and those of the next one.
 *
 * An ID is a position in all streams. So a connection that resumes has to say of which of its streams nothing has come
 * yet: they are fresh, and the server sends their newest documents, whatever the ID. A stream is fresh from its addition
 * until its first document, or until the end of a replay without one. It is fresh again when the server says that it does
 * not exist, because it can exist later.
 */
export class Names {
  /** @type {string[]} */ #current;
  /** @type {string[]} */ #next;
  /** @type {Set<string>} */ #fresh = new Set();
  /** @type {Set<string>} */ #opened = new Set(); // those of an open connection, or of one that was open
  /** @type {Set<string>} */ #missing = new Set(); // those that do not exist; all of them are fresh
  #chosen = false; // the URL no longer tells the names
  #resumes = false; // the current connection resumes after an ID

  /** @param {string[]} names that the URL tells */
  constructor(names) {
    this.#current = this.#next = names;
  }

  /** The streams of the current connection. */
  get current() { return this.#current; }

  /** Whether the next connection has other streams than the current one. */
  get changed() { return !same(this.#current, this.#next); }

  /** How many streams of the current connection are fresh. */
  get fresh() { return this.#fresh.size; }

  /**
   * The query parameters of the current connection. While the URL tells the streams, they need not be repeated.
   * @param {boolean} resumes whether the connection resumes after an ID, without which there is no need for `fresh`
   * @returns {Record<string, string | null>}
   */
  query(resumes) {
    this.#resumes = resumes;
    const fresh = (resumes && [...this.#fresh].join(',')) || null;
    if (this.#chosen) return { stream: this.#current.join(','), fresh };
    return fresh ? { fresh } : {};
  }

  /**
   * Sets the streams of the next connection. It throws RangeError for no stream and for more than 100.
   * @param {Iterable<string>} names
   */
  choose(names) {
    const next = [...new Set(names)].filter(Boolean);
    if (next.length === 0 || next.length > MAX_STREAMS) {
      throw new RangeError(`pollux: ${next.length} streams for a connection, want 1 to ${MAX_STREAMS}`);
    }
    this.#next = next;
    this.#chosen ||= this.changed;
  }

  /** The next connection becomes the current one. Streams that the last one did not have are fresh. */
  begin() {
    const old = new Set(this.#current);
    this.#fresh = new Set(this.#next.filter(name => this.#fresh.has(name) || !old.has(name)));
    this.#current = this.#next;
    this.#missing.clear(); // which the server tells again
  }

  /**
   * The current connection was opened.
   * @returns {boolean} whether it has other streams than the one that was open before it
   */
  open() {
    const old = this.#opened;
    this.#opened = new Set(this.#current);
    return this.#chosen && !same([...old], this.#current);
  }

  /**
   * Whether a stream is on an open connection, or was on the last one that was open.
   * @param {string} name
   */
  has(name) { return this.#opened.has(name); }

  /**
   * A document of a stream came.
   * @param {string} name
   * @returns {boolean} whether the document may be older than the position
   */
  take(name) {
    this.#missing.delete(name);
    return this.#fresh.delete(name) && this.#resumes;
  }

  /**
   * One of several streams does not exist.
   * @param {string} name
   */
  miss(name) {
    if (this.#current.length < 2 || !this.#current.includes(name)) return;
    this.#missing.add(name);
    this.#fresh.add(name);
  }

  /** A replay has ended, so nothing is fresh but what does not exist. */
  settle() { this.#fresh = new Set(this.#missing); }
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
function same(a, b) {
  return a.length === b.length && b.every(name => a.includes(name));
}
