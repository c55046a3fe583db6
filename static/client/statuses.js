/** The freshness of the streams of a connection. */

/** @import { Status } from './types.js' */

/** @type {readonly Status['state'][]} */
const WORST_FIRST = ['down', 'stale', 'live'];

/** Statuses keeps the newest status of each stream. A stream without a status is live. */
export class Statuses {
  /** @type {Map<string, Status>} */ #newest = new Map();
  /** The streams of which this connection has told something. @type {Set<string>} */ #told = new Set();

  /** The newest status of all; null before the first. */
  get last() { return [...this.#newest.values()].pop() ?? null; }
  /** The worst state of all streams. */
  get worst() { return worstOf([...this.#newest.values()]); }

  /**
   * The newest status of one stream; null if there is none.
   * @param {string} stream
   */
  get(stream) { return this.#newest.get(stream) ?? this.#newest.get('') ?? null; }

  /** @param {Status} status */
  take(status) {
    const { stream = '' } = status; // another server may have no names
    this.#newest.delete(stream); // so that it becomes the last one
    this.#newest.set(stream, status);
    this.#told.add(stream);
  }

  /**
   * A new connection was opened, on which the server sends again each status that is not live.
   * @param {boolean} kept whether it will tell when it has sent them: until then the old ones count, so that no state
   *   changes for a moment between two connections
   */
  begin(kept) {
    this.#told.clear();
    if (!kept) this.settle();
  }

  /** The server has sent them. */
  settle() { this.keep(this.#told); }

  /**
   * Forgets the statuses of all streams but these.
   * @param {Set<string>} streams
   */
  keep(streams) {
    for (const name of this.#newest.keys()) if (!streams.has(name)) this.#newest.delete(name);
  }
}

/**
 * worstOf is the worst state; live if there is none.
 * @param {(Status | null)[]} statuses
 */
export function worstOf(statuses) {
  return WORST_FIRST.find(state => statuses.some(status => status?.state === state)) ?? 'live';
}
