/** The age of documents, by the server's time. Loaded when somebody asks for it. */

/** @import { Settings } from './options.js' */

const SLACK = 2000; // milliseconds by which the two clocks may differ, plus a hundredth of the time passed

/**
 * @typedef {object} Mark a moment
 * @property {number} ticks by the monotonic clock
 * @property {number} wall by the wall clock
 */

/**
 * @typedef {object} Birth when a stream's newest document was made
 * @property {number | null} madeAt by the server's time; null if that was not known
 * @property {number} ticks by the monotonic clock
 * @property {Mark} mark when this became known
 */

/**
 * Ages keeps the age of the newest document of each stream. It does not trust the wall clock of this machine. A
 * heartbeat has the server's time and the time at which each document was made. A document that is not replayed is new.
 * From then on, the monotonic clock, which cannot be set, measures its age.
 *
 * The first heartbeat of a connection has the reconnection time. Documents between it and the second heartbeat are
 * replayed; the age of the newest one is that of the first heartbeat.
 *
 * The monotonic clock may stop while the machine sleeps. Then the wall clock advances further, as it does when somebody
 * sets it. The two cases cannot be told apart, so no age is known until the next heartbeat.
 *
 * A delayed heartbeat makes a document look younger than it is. So among the heartbeats about one document, the one that
 * makes it oldest counts. The next document is independent of it, so no error lasts.
 */
export class Ages {
  #streams;
  #options;
  #replaying = true;
  /** @type {{now: number, mark: Mark} | null} */ #server = null;
  /** @type {Map<string, Birth>} */ #births = new Map();

  /**
   * @param {() => string[]} streams returns those on the connection, one or more
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
   * @param {string} data
   * @returns {number | undefined} the server's time, since 1970
   */
  hear(data) {
    const { retry, now, made } = timesIn(data);
    this.#replaying = retry !== null;
    if (now === null) return undefined;
    const mark = this.#mark();
    for (const name of this.#births.keys()) if (!this.#streams().includes(name)) this.#births.delete(name);
    this.#server = { now, mark };
    for (const [stream, madeAt] of made) {
      const old = this.#births.get(stream);
      const ticks = mark.ticks - Math.max(now - madeAt, 0);
      this.#births.set(stream, { madeAt, ticks: old?.madeAt === madeAt ? Math.min(ticks, old.ticks) : ticks, mark });
    }
    return now;
  }

  /**
   * A document came.
   * @param {string} type of its event, which on a connection with several streams is the stream's name
   */
  take(type) {
    if (this.#replaying) return;
    const mark = this.#mark();
    const streams = this.#streams();
    this.#births.set(streams.length > 1 ? type : streams[0], { madeAt: this.now, ticks: mark.ticks, mark });
  }

  /**
   * How long ago a stream's newest document was made, in milliseconds; null while that is not known.
   * @param {string} [stream] default: the one with the newest document
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
   * @param {string} [stream] default: the one with the newest document
   * @returns {number | null}
   */
  madeAt(stream) {
    const times = this.#of(stream).flatMap(({ madeAt }) => madeAt ?? []);
    return times.length > 0 ? Math.max(...times) : null;
  }

  /** @param {string} [stream] */
  #of(stream) {
    return this.#streams().filter(name => stream === undefined || name === stream).flatMap(name => this.#births.get(name) ?? []);
  }

  /** @returns {Mark} */
  #mark() {
    const { monotonic = () => performance.now(), now } = this.#options;
    return { ticks: monotonic(), wall: now() };
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

/**
 * timesIn returns all times in the data of a heartbeat, in milliseconds: the server's reconnection time, its time since
 * 1970, and when the newest document of each stream was made.
 * @param {string} text
 */
function timesIn(text) {
  const { retry, now, made } = objectIn(text);
  return {
    retry: retry >= 0 && Number.isFinite(retry) ? retry : null,
    now: timeIn(now),
    made: Object.entries(made ?? {}).flatMap(([stream, text]) => {
      const time = timeIn(text);
      return time === null ? [] : [/** @type {[string, number]} */ ([stream, time])];
    }),
  };
}

/**
 * @param {string} text
 * @returns {any} the parsed JSON
 */
function objectIn(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/**
 * @param {any} text RFC 3339
 * @returns {number | null} milliseconds since 1970; null if it is not a time
 */
function timeIn(text) {
  const time = typeof text === 'string' ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
}
