/** How the upstreams of a connection are. */

/** @import { Status } from './types.js' */

/** @type {readonly Status['state'][]} */
const WORST_FIRST = ['down', 'stale', 'live'];

/** Statuses has the newest status of each stream. A stream of which nothing was told is live. */
export class Statuses {
  /** @type {Map<string, Status>} */ #newest = new Map();
  /** @type {Status | null} */ #last = null;

  /** The last thing told, of whichever stream; null when nothing was. */
  get last() { return this.#last; }

  /** The state of the stream that is worst off. */
  get worst() {
    const states = new Set([...this.#newest.values()].map(({ state }) => state));
    return WORST_FIRST.find(state => states.has(state)) ?? 'live';
  }

  /** @param {Status} status */
  take(status) {
    this.#last = status;
    this.#newest.set(typeof status.stream === 'string' ? status.stream : '', status);
  }

  /** Forgets all, as a new connection begins: what is not live is told there anew. */
  clear() {
    this.#last = null;
    this.#newest.clear();
  }
}
