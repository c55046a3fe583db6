/** The schedule of retries, without a clock. */

/** @import { Settings } from './options.js' */

/**
 * Backoff draws the wait before the next try: the server's reconnection time, plus a random part of a bound that grows
 * exponentially with consecutive failures. A connection that opens resets the count of failures. Deltas that do not fit
 * have a count of their own, which only a fitting delta resets: a server can be reachable and still send unusable deltas.
 */
export class Backoff {
  #options;
  #failures = 0; // since the last open
  #misfits = 0; // deltas that did not fit since the last that did
  /** @type {number | null} */ #told = null; // the server's reconnection time, if it sent one
  #watched = 0; // an upper bound of that time, as observed

  /** @param {Pick<Settings, 'backoffBase' | 'backoffCap' | 'random'>} options */
  constructor(options) {
    this.#options = options;
  }

  /** The reconnection time that the server sent, in milliseconds; null if it sent none. */
  get told() { return this.#told; }

  /** @param {number} ms the reconnection time that the server sent */
  tell(ms) { this.#told = ms; }

  /** @param {number} ms how long the browser waited, which is at least that time; used until the server sends it */
  watch(ms) { this.#watched = ms; }

  /** A connection was opened. */
  opened() { this.#failures = this.#misfits; }

  /** A delta fitted. */
  fitted() { this.#failures = this.#misfits = 0; }

  /** A delta did not fit, and the connection was closed because of it. */
  misfitted() { this.#misfits++; }

  /**
   * Counts a failure and draws the wait after it, in milliseconds.
   * @param {boolean} soon whether to leave out the server's reconnection time
   * @param {number} [least] the least wait, for another reason
   */
  next(soon, least = 0) {
    const { backoffBase, backoffCap, random } = this.#options;
    const floor = soon ? 0 : this.#told ?? this.#watched;
    return Math.max(floor, least) + random() * backoffBound(this.#failures++, backoffBase, backoffCap);
  }
}

/**
 * backoffBound is the upper bound of the random wait before try number `failures` + 1, in milliseconds: `base` doubled
 * with each failure, never above `cap`. Full jitter draws the wait from [0, bound).
 * @param {number} failures failed tries so far, 0 and up
 * @param {number} base
 * @param {number} cap
 */
export function backoffBound(failures, base, cap) {
  return Math.min(cap, base * 2 ** failures);
}
