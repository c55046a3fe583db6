/** The freshness of the streams of a connection. */

/** @import { Status } from './types.js' */

/** @type {readonly Status['state'][]} */
const WORST_FIRST = ['down', 'stale', 'live'];

/** Statuses keeps the newest status of each stream. A stream without a status is live. */
export class Statuses {
  /** @type {Map<string, Status>} */ #newest = new Map();
  /** @type {Set<string>} */ #doubted = new Set();
  /** @type {Status | null} */ #last = null;

  /** The newest status of all; null before the first. */
  get last() { return this.#last; }

  /** The worst state of all streams. */
  get worst() { return worst([...this.#newest.values()]); }

  /**
   * The state of one stream.
   * @param {string} stream
   */
  of(stream) {
    return worst([stream, ''].flatMap(name => this.#newest.get(name) ?? []));
  }

  /**
   * The newest status of one stream; null if there is none.
   * @param {string} stream
   */
  get(stream) { return this.#newest.get(stream) ?? this.#newest.get('') ?? null; }

  /** @param {Status} status */
  take(status) {
    const name = nameIn(status);
    this.#last = status;
    this.#newest.set(name, status);
    this.#doubted.delete(name);
  }

  /** Forgets all statuses, for a new connection: the server sends again each status that is not live. */
  clear() {
    this.#last = null;
    this.#newest.clear();
    this.#doubted.clear();
  }

  /** Doubts all statuses instead, so that no state changes for a moment between two connections. */
  doubt() { this.#doubted = new Set(this.#newest.keys()); }

  /** Forgets the statuses in doubt: the server has sent again those that are not live. */
  settle() { this.#forget(name => this.#doubted.has(name)); }

  /**
   * Forgets the statuses of all streams but these.
   * @param {string[]} streams
   */
  keep(streams) { this.#forget(name => name !== '' && !streams.includes(name)); }

  /** @param {(stream: string) => boolean} which */
  #forget(which) {
    if (this.#last && which(nameIn(this.#last))) this.#last = null;
    for (const name of [...this.#newest.keys()].filter(which)) {
      this.#newest.delete(name);
      this.#doubted.delete(name);
    }
  }
}

/** @param {Status[]} statuses */
function worst(statuses) {
  const states = new Set(statuses.map(({ state }) => state));
  return WORST_FIRST.find(state => states.has(state)) ?? 'live';
}

/** @param {Status} status */
function nameIn({ stream }) {
  return typeof stream === 'string' ? stream : '';
}
