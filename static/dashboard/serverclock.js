/** The times of one stream, by the server's clock. */

/** @import { Stream } from './names.js' */

/**
 * ServerClock is the server's time, as its list of streams tells it, between two answers by the monotonic clock.
 */
export class ServerClock {
  /** @type {{now: number, ticks: number} | null} */ #told = null;

  /** The server's time, milliseconds since 1970; null while it is not known. */
  get now() { return this.#told ? this.#told.now + performance.now() - this.#told.ticks : null; }

  /**
   * Takes the time of an answer: when the source last answered, and how long ago that was then.
   * @param {Stream[]} streams
   */
  take(streams) {
    for (const { lastSuccess, age } of streams) {
      if (!lastSuccess || typeof age !== 'number') continue;
      this.#told = { now: Date.parse(lastSuccess) + age * 1000, ticks: performance.now() };
      return;
    }
  }
}

/**
 * until returns the time until a moment of the server.
 * @param {string | null | undefined} moment RFC 3339
 * @param {number | null} now the server's time
 * @returns {number | null} milliseconds; null if one of them is not known
 */
export function until(moment, now) {
  return moment && now !== null ? Date.parse(moment) - now : null;
}
