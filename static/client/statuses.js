/** The freshness of the streams of a connection. */

/** @import { Status } from './types.js' */

/** @type {readonly Status['state'][]} */
const WORST_FIRST = ['down', 'stale', 'live'];

/** Statuses keeps the newest status of each stream. A stream without a status is live. */
export class Statuses {
  /** @type {Map<string, Status>} */ #newest = new Map();
  /** @type {Status | null} */ #last = null;

  /** The newest status of all; null before the first. */
  get last() { return this.#last; }

  /** The worst state of all streams. */
  get worst() {
    const states = new Set([...this.#newest.values()].map(({ state }) => state));
    return WORST_FIRST.find(state => states.has(state)) ?? 'live';
  }

  /** @param {Status} status */
  take(status) {
    this.#last = status;
    this.#newest.set(typeof status.stream === 'string' ? status.stream : '', status);
  }

  /** Forgets all statuses, for a new connection: the server sends again each status that is not live. */
  clear() {
    this.#last = null;
    this.#newest.clear();
  }
}
