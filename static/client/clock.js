/** The clock of a stream. */

/** @import { Settings } from './options.js' */

const TICK = 10_000; // longest sleep between looks at the wall clock: timers stand still while a laptop sleeps

/**
 * Clock tells the time, and calls `ring` when something is due. Its time, in milliseconds, never runs backwards: it does
 * not follow a wall clock that is set back, so that no wait becomes longer. `wall` converts it to the time of the wall
 * clock.
 *
 * While it waits, it calls `due` at least every 10 s, so it notices a later due time by itself. Call `wait` after a new
 * or an earlier due time.
 */
export class Clock {
  #options;
  #due;
  #ring;
  #read = 0; // the last time of the wall clock
  #ahead = 0; // how far this clock is ahead of it: the sum of its steps back
  /** @type {any} */ #timer;

  /**
   * @param {Pick<Settings, 'now' | 'setTimeout' | 'clearTimeout'>} options
   * @param {() => number} due when to call `ring`; Infinity means never
   * @param {(slept: boolean) => void} ring is called at that time, and not again before `wait` is called. `slept` means
   *   that the machine slept past that time
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

  /**
   * The time of the wall clock at a time of this clock, in milliseconds since 1970.
   * @param {number} time
   */
  wall(time) {
    return time - this.#ahead;
  }

  /** Sets the timer anew. If nothing is due, there is no timer. */
  wait() {
    this.stop();
    const due = this.#due();
    if (due === Infinity) return;
    const { setTimeout } = this.#options; // browsers throw if it is called on an object other than the window
    this.#timer = setTimeout(() => this.look(), Math.min(Math.max(due - this.now(), 0), TICK));
  }

  /** Calls `ring` if something is due, and otherwise waits on. */
  look() {
    const late = this.now() - this.#due();
    if (late >= 0) this.#ring(late > 2 * TICK);
    else this.wait();
  }

  /** Removes the timer. */
  stop() {
    const { clearTimeout } = this.#options;
    clearTimeout(this.#timer);
  }
}
