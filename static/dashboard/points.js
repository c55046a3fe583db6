/** The course of a number. */

const MOST = 512; // points
const LONG = 3_600_000; // milliseconds after which old points go, instead of every other one

/**
 * Points keeps the values of a number over time, as pairs: at, value, at, value. It never has more than 512. When it is
 * full, it goes on with half of them: with the newer half if they span more than two hours, and otherwise with every other
 * one, and with at most one for each new step of time from then on. So an hour of any stream fits.
 */
export class Points {
  /** @type {number[]} */ #pairs = [];
  #step = 0;

  /** The pairs, oldest first. Do not change them. */
  get pairs() { return this.#pairs; }

  /** How many values there are. */
  get length() { return this.#pairs.length / 2; }

  /**
   * @param {number} at milliseconds since 1970
   * @param {number} value
   */
  add(at, value) {
    const pairs = this.#pairs;
    const { length } = pairs;
    if (length >= 4 && at - pairs[length - 4] < this.#step) {
      pairs[length - 2] = at;
      pairs[length - 1] = value;
      return;
    }
    pairs.push(at, value);
    if (length + 2 <= MOST * 2) return;
    if (at - pairs[0] > 2 * LONG) this.#pairs = pairs.slice(MOST);
    else {
      this.#step = Math.max(this.#step * 2, (at - pairs[0]) / MOST * 2);
      this.#pairs = pairs.filter((_, i) => i % 4 < 2);
    }
  }

  /**
   * The newest values as a short course: at most `most` pairs, each the last one of its part of the time.
   * @param {number} most
   */
  course(most) {
    const { length } = this;
    if (length <= most) return [...this.#pairs];
    const short = [];
    for (let i = 0; i < most; i++) {
      const n = Math.round(i * (length - 1) / (most - 1));
      short.push(this.#pairs[n * 2], this.#pairs[n * 2 + 1]);
    }
    return short;
  }
}
