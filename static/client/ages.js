/** How old documents are, by the server's time. */

/** @import { Settings } from './options.js' */
/** @import { Heartbeat } from './signals.js' */

const SLACK = 2000; // milliseconds by which two clocks may part, beside a hundredth of the time, when nobody set one

/**
 * @typedef {object} Mark a moment
 * @property {number} ticks by the clock that counts
 * @property {number} wall by the wall clock
 */

/**
 * @typedef {object} Birth of a stream's newest document
 * @property {number | null} madeAt by the server's time; null when that was not known
 * @property {number} ticks by the clock that counts
 * @property {Mark} mark when this was learned
 */

/**
 * Ages knows how old the newest document of each stream is. What time it is on this machine does not matter: at a
 * heartbeat the server says what time it is and when each document was made, a document that comes live is new, and from
 * there on a clock counts that nobody can set.
 *
 * A connection begins with a heartbeat that tells the reconnection time. Until the next one, what comes is replayed. Its
 * newest is as old as the first heartbeat said.
 *
 * The clock that counts may stand still while the machine sleeps. The wall clock then goes further than it, as it does
 * when somebody sets it. Which of the two has happened cannot be told, so nothing is known until the server says it anew.
 *
 * A heartbeat that was long on its way makes a document look younger than it is. Of all that is said of one document,
 * what makes it oldest therefore counts. The next document is judged by itself, so no error lasts.
 */
export class Ages {
  #streams;
  #options;
  #replaying = true;
  /** @type {{now: number, mark: Mark} | null} */ #server = null;
  /** @type {Map<string, Birth>} */ #births = new Map();

  /**
   * @param {string[]} streams on the connection, one or more
   * @param {Pick<Settings, 'now' | 'monotonic'>} options
   */
  constructor(streams, options) {
    this.#streams = streams;
    this.#options = options;
  }

  /** The server's time, milliseconds since 1970; null while it is not known. */
  get now() {
    const passed = this.#since(this.#server?.mark);
    return passed === null || this.#server === null ? null : Math.round(this.#server.now + passed);
  }

  /** A connection was opened. */
  opened() { this.#replaying = true; }

  /**
   * A heartbeat came.
   * @param {Heartbeat} heartbeat
   */
  hear({ retry, now, made }) {
    this.#replaying = retry !== null;
    if (now === null) return;
    const mark = this.#mark();
    this.#server = { now, mark };
    for (const [stream, madeAt] of made) {
      const old = this.#births.get(stream);
      const ticks = mark.ticks - Math.max(now - madeAt, 0);
      this.#births.set(stream, { madeAt, ticks: old?.madeAt === madeAt ? Math.min(ticks, old.ticks) : ticks, mark });
    }
  }

  /**
   * A document came.
   * @param {string} type of its event, which on a connection with several streams is the stream's name
   */
  take(type) {
    if (this.#replaying) return;
    const mark = this.#mark();
    const stream = this.#streams.length > 1 ? type : this.#streams[0];
    this.#births.set(stream, { madeAt: this.now, ticks: mark.ticks, mark });
  }

  /**
   * How long ago a stream's newest document was made, in milliseconds; null while that is not known.
   * @param {string} [stream] default: whichever has the newest
   * @returns {number | null}
   */
  age(stream) {
    const ages = this.#of(stream).flatMap(birth => {
      const passed = this.#since(birth.mark);
      return passed === null ? [] : birth.mark.ticks - birth.ticks + passed;
    });
    return ages.length > 0 ? Math.round(Math.min(...ages)) : null;
  }

  /**
   * When it was made, milliseconds since 1970 by the server's time; null while that is not known.
   * @param {string} [stream] default: whichever has the newest
   * @returns {number | null}
   */
  madeAt(stream) {
    const times = this.#of(stream).flatMap(({ madeAt }) => madeAt ?? []);
    return times.length > 0 ? Math.max(...times) : null;
  }

  /** @param {string} [stream] */
  #of(stream) {
    return (stream === undefined ? this.#streams : [stream]).flatMap(name => this.#births.get(name) ?? []);
  }

  /** @returns {Mark} */
  #mark() {
    return { ticks: this.#options.monotonic(), wall: this.#options.now() };
  }

  /**
   * How long ago a moment was; null if the clocks disagree.
   * @param {Mark} [mark]
   */
  #since(mark) {
    if (!mark) return null;
    const { ticks, wall } = this.#mark();
    const passed = ticks - mark.ticks;
    return Math.abs(wall - mark.wall - passed) > SLACK + passed / 100 ? null : passed;
  }
}
