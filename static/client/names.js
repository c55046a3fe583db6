/** The streams of an EventStream. They can change, while the position stays. */

/** The most streams of one connection, for which the server has the same bound. */
export const MAX_STREAMS = 100;

/**
 * Names keeps the streams of the current connection, and those of the next one.
 *
 * An ID is a position in all streams. So a connection that resumes has to say of which of its streams nothing has come
 * yet: they are fresh, and the server sends their newest documents, whatever the ID. A stream is fresh from its addition
 * until its first document, or until the end of a replay without one.
 */
export class Names {
  /** @type {string[]} */ #current;
  /** @type {string[]} */ #next;
  /** @type {Set<string>} */ #fresh = new Set();
  /** @type {Set<string>} */ #opened = new Set(); // those of an open connection, or of one that was open
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
   * The query parameters of the current connection; none while the URL tells the streams.
   * @param {boolean} resumes whether the connection resumes after an ID, without which there is no need for `fresh`
   * @returns {Record<string, string | null>}
   */
  query(resumes) {
    this.#resumes = resumes;
    if (!this.#chosen) return {};
    return { stream: this.#current.join(','), fresh: (resumes && [...this.#fresh].join(',')) || null };
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
  take(name) { return this.#fresh.delete(name) && this.#resumes; }

  /** A replay has ended, so nothing is fresh. */
  settle() { this.#fresh.clear(); }
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
function same(a, b) {
  return a.length === b.length && b.every(name => a.includes(name));
}
