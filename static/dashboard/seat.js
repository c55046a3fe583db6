/** Which tabs of the dashboard have a connection, when there are many. */

/** Tabs that have a connection. Over HTTP/1.1 a browser opens six to a server, for all of its tabs together. */
export const MOST = 4;
/** How often a tab says that it has one, in milliseconds. */
export const BEAT = 2000;
const GONE = 3 * BEAT; // silence after which a tab is closed

/** @typedef {{id: string, hidden: boolean}} Word what a tab that has a connection says of itself */

/**
 * Seat tells a tab to give up its connection, if nobody looks at the tab and more than 4 tabs have one. It tells it to
 * connect again when somebody looks. Those tabs give up first whose id is smallest, and no more than have to.
 */
export class Seat {
  #id;
  #say;
  #tell;
  #hidden = false;
  #seated = true;
  /** The others that have a connection. @type {Map<string, {hidden: boolean, at: number}>} */ #others = new Map();

  /**
   * @param {string} id of the tab, which no other one has
   * @param {(word: Word) => void} say tells the other tabs
   * @param {(event: 'pagehide' | 'pageshow') => void} tell tells this one
   */
  constructor(id, say, tell) {
    this.#id = id;
    this.#say = say;
    this.#tell = tell;
  }

  /** @param {boolean} hidden whether nobody looks at the tab */
  look(hidden) {
    this.#hidden = hidden;
    if (hidden || this.#seated) return;
    this.#seated = true;
    this.#tell('pageshow');
  }

  /**
   * Another tab has said something.
   * @param {Word} word
   * @param {number} now milliseconds, by any clock
   */
  hear({ id, hidden }, now) { this.#others.set(id, { hidden, at: now }); }

  /**
   * Is called each BEAT.
   * @param {number} now
   */
  beat(now) {
    for (const [id, { at }] of this.#others) if (now - at >= GONE) this.#others.delete(id);
    if (!this.#seated) return this.#tell('pagehide'); // for a stream that has been opened since
    this.#say({ id: this.#id, hidden: this.#hidden }); // also for the last time, so that others know that it is hidden
    const before = [...this.#others].filter(([id, { hidden }]) => hidden && id < this.#id).length;
    if (this.#hidden && before < this.#others.size + 1 - MOST) {
      this.#seated = false;
      this.#tell('pagehide');
    }
  }
}
