/** The clock of a stream. */

/** @import { Settings } from './options.js' */

const TICK = 10_000; // longest sleep between looks at the wall clock: timers stand still while a laptop sleeps

/**
 * Clock tells the time, and rings when something is due. Its time, in milliseconds, never runs backwards: when the wall
 * clock is set back, it does not follow, so that no wait grows. `wall` converts it to the time of the wall clock.
 *
 * While it waits, it calls `due` at least every 10 s. So a due time can be postponed without telling the clock. `wait` is
 * needed for a new due time, and for an earlier one.
 */
export class Clock {
  #options;
  #due;
  #ring;
  #read = 0; // from the wall clock, last
  #ahead = 0; // of the wall clock: the sum of its steps back
  /** @type {any} */ #timer;

  /**
   * @param {Pick<Settings, 'now' | 'setTimeout' | 'clearTimeout'>} options
   * @param {() => number} due when to ring; Infinity: never
   * @param {(slept: boolean) => void} ring is called when that time has come, and not again before `wait` is. `slept`
   *   means that the machine slept past that time, and its timers with it
   */
  constructor(options, due, ring) {
    this.#options = options;
    this.#due = due;
    this.#ring = ring;
  }

  /** The time now. */
  now() {
    const now = this.#options.now();
    this.#ahead += Math.max(this.#read - now, 0);
    this.#read = now;
    return now + this.#ahead;
  }

  /** What the wall clock said when the time was last asked for, in milliseconds since 1970. */
  get stamp() { return this.#read; }

  /**
   * What the wall clock says at a time of this clock, in milliseconds since 1970.
   * @param {number} time
   */
  wall(time) {
    return time - this.#ahead;
  }

  /** Sets the timer, instead of the one that was set. Without anything due there is none. */
  wait() {
    this.stop();
    const due = this.#due();
    if (due === Infinity) return;
    this.#timer = this.#options.setTimeout(() => this.look(), Math.min(Math.max(due - this.now(), 0), TICK));
  }

  /** Rings if it is time, and waits on if it is not. */
  look() {
    const late = this.now() - this.#due();
    if (late >= 0) this.#ring(late > 2 * TICK);
    else this.wait();
  }

  /** Takes the timer away. */
  stop() {
    this.#options.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
