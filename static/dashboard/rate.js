/** How often something happens. */

const SPAN = 60_000; // milliseconds that are counted
const SAMPLES = 40;

/** Rate knows how fast a counter grows, over the last minute. */
export class Rate {
  /** @type {{at: number, count: number}[]} */ #samples = [];

  /**
   * @param {number} count of all until now
   * @param {number} at milliseconds, by any clock
   */
  take(count, at) {
    const last = this.#samples[this.#samples.length - 1];
    if (last && count < last.count) this.#samples = []; // the server has begun anew
    this.#samples.push({ at, count });
    while (this.#samples.length > SAMPLES || this.#samples.length > 2 && this.#samples[1].at <= at - SPAN) this.#samples.shift();
  }

  /** Events in a minute; null while that is not known. */
  get aMinute() {
    const [first] = this.#samples;
    const last = this.#samples[this.#samples.length - 1];
    if (!first || last.at - first.at < 3000) return null;
    return (last.count - first.count) / (last.at - first.at) * 60_000;
  }
}
