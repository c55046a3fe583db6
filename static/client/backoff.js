/** The schedule of retries, without a clock. */

/** @import { Settings } from './options.js' */

/**
 * Backoff knows how long to wait before the next try: the server's reconnection time, and a random part of a bound that
 * grows exponentially with the failures in a row. A connection that opens ends the row, except for deltas that did not
 * fit: they count until one does, for a server can be reached and still not be followed.
 */
export class Backoff {
  #options;
  #failures = 0; // since the last open; misfits count on
  #misfits = 0; // deltas that did not fit since one last did
  /** @type {number | null} */ #told = null; // the server's reconnection time
  #watched = 0; // the same: at most so long

  /** @param {Pick<Settings, 'backoffBase' | 'backoffCap' | 'random'>} options */
  constructor(options) {
    this.#options = options;
  }

  /** The server's reconnection time as it told it, in milliseconds; null when it did not. */
  get told() { return this.#told; }

  /** @param {number} ms the server's reconnection time, as it tells it */
  tell(ms) { this.#told = ms; }

  /** @param {number} ms how long the browser waited, which is no less; taken for it as long as nothing is told */
  watch(ms) { this.#watched = ms; }

  /** A connection was opened. */
  opened() { this.#failures = this.#misfits; }

  /** A delta fitted. */
  fitted() { this.#failures = this.#misfits = 0; }

  /** A delta did not fit, and the connection is given up for it. */
  misfitted() { this.#misfits++; }

  /**
   * Counts a failure and draws the wait after it, in milliseconds.
   * @param {boolean} soon whether to leave out the server's reconnection time
   */
  next(soon) {
    const { backoffBase, backoffCap, random } = this.#options;
    const floor = soon ? 0 : this.#told ?? this.#watched;
    return floor + random() * backoffBound(this.#failures++, backoffBase, backoffCap);
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
