/** The streams of a connection that has several, or whose streams come and go. */

/** @import { Settings } from './options.js' */

const PACE = 100; // least time between connections of setStreams, so that a page that adds streams one by one makes few
const GRACE = 2000; // how long a connection may take to open, and to end its replay

/** The most streams of one connection, for which the server has the same bound. */
export const MAX_STREAMS = 100;

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
  #single = false; // its URL names fresh streams
  #settled = false; // its replay has ended
  #resumes = false; // the current connection resumes after an ID

  /**
   * @param {string[]} names that the URL tells
   */
  constructor(names) {
    this.#current = this.#next = names;
  }

  /** The streams of the current connection. */
  get current() { return this.#current; }

  /** Whether the next connection has other streams than the current one. */
  get changed() { return !same(this.#current, this.#next); }

  /** Whether the URL of the current connection is for one request, because it names fresh streams, or would have to. */
  get single() { return this.#single || this.#fresh.size > 0; }

  /** Whether there is nothing to resume, because all streams are fresh. */
  get anew() { return this.#fresh.size === this.#current.length; }

  /**
   * Adds to the URL of the current connection. While the URL tells the streams, they need not be repeated.
   * @param {string} url
   * @param {Pick<Settings, 'resumeParam'>} options
   * @param {typeof import('./query.js').withQuery} withQuery
   */
  address(url, options, withQuery) {
    this.#resumes = resumes(url, options); // without an ID there is no need for `fresh`
    const fresh = (this.#resumes && [...this.#fresh].join(',')) || null;
    this.#single = fresh !== null;
    if (this.#chosen) return withQuery(url, { stream: this.#current.join(','), fresh });
    return fresh ? withQuery(url, { fresh }) : url;
  }

  /** What to do when the streams of the next connection were chosen; set by the link. */
  onchange = () => {};

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
    this.onchange();
  }

  /**
   * After which time to try again because the refusal may be about streams that the next connection does not have: the
   * server does not have one, or the token does not allow it. If the old streams were open, it has them.
   * @param {string} kind of the refusal
   */
  helps(kind) {
    const helps = this.changed && (kind === 'forbidden' || kind === 'refused' && !this.#current.some(name => this.has(name)));
    return helps ? GRACE : Infinity;
  }

  /** The next connection becomes the current one. Streams that the last one did not have are fresh. */
  begin() {
    const old = new Set(this.#current);
    this.#fresh = new Set(this.#next.filter(name => this.#fresh.has(name) || !old.has(name)));
    this.#current = this.#next;
    this.#missing.clear(); // which the server tells again
    this.#settled = false;
  }

  /**
   * The current connection was opened.
   * @returns {boolean} whether it has other streams than the one that was open before it
   */
  open() {
    const old = this.#opened;
    this.#settled = false;
    this.#opened = new Set(this.#current);
    return this.#chosen && !same([...old], this.#current);
  }

  /**
   * Whether a stream is on an open connection, or was on the last one that was open.
   * @param {string} name
   */
  has(name) { return this.#opened.has(name); }

  /**
   * A document came.
   * @param {string | undefined} type of its event, which is the name of its stream on a connection with several
   * @returns {boolean} whether the document may be older than the position
   */
  take(type = '') {
    const name = type && this.#current.length < 2 ? this.#current[0] : type;
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
  settle() {
    this.#fresh = new Set(this.#missing);
    this.#settled = true;
  }

  /**
   * How long after its beginning a connection is replaced by one with other streams; Infinity if it is not. It first gets
   * the time to deliver what it replays, because otherwise a page that adds streams all the time would get nothing.
   */
  get pause() {
    if (!this.changed) return Infinity;
    return this.#settled ? PACE : GRACE;
  }
}

/**
 * resumes reports whether a connection with this URL resumes after an ID.
 * @param {string} url
 * @param {Pick<Settings, 'resumeParam'>} options
 */
export function resumes(url, { resumeParam }) {
  const query = new URL(url, 'http://localhost').searchParams;
  return ['last_event_id', 'lastEventId', resumeParam].some(name => query.get(name)); // Pollux has two names for it
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
function same(a, b) {
  return a.length === b.length && b.every(name => a.includes(name));
}
