/** The last events, as they came. */

const MOST = 500;
const ROOM = 48_000_000; // characters of all that are kept; the newest one is always kept

/**
 * Something that came, or that happened to the connection.
 * @typedef {object} Frame
 * @property {number} n counts all of them from 1
 * @property {number} at milliseconds since 1970, by the server's clock if it is known
 * @property {'data' | 'status' | 'reset' | 'problem'} kind
 * @property {string} id empty if it has none
 * @property {string} raw the data as the server sent it, or what happened in words
 * @property {string} summary what it changed, in words
 */

/** Frames keeps at most 500 frames, and those of at most 48 million characters. */
export class Frames {
  /** Oldest first. @type {Frame[]} */ #all = [];
  #room = ROOM;
  #n = 0;
  #held = 0; // the newest one of a list that stands still; 0 for none
  #words = '';
  /** Whether a frame has the words, once that was looked at. @type {Map<number, boolean>} */ #hits = new Map();

  /** The number of the newest frame. */
  get n() { return this.#n; }

  /** @param {Omit<Frame, 'n'>} frame */
  add(frame) {
    this.#all.push({ n: ++this.#n, ...frame });
    this.#room -= frame.raw.length;
    while (this.#all.length > 1 && (this.#all.length > MOST || this.#room < 0)) {
      const { n, raw } = /** @type {Frame} */ (this.#all.shift());
      this.#room += raw.length;
      this.#hits.delete(n);
    }
  }

  /** The newest document. */
  get newest() { return this.#all.findLast(({ kind }) => kind === 'data'); }

  /** @param {number} n */
  get(n) { return this.#all[n - (this.#all[0]?.n ?? 0)]; }

  /**
   * The newest document before a frame.
   * @param {number} n
   */
  before(n) { return this.#all.findLast(frame => frame.n < n && frame.kind === 'data'); }

  /** @param {boolean} holds whether the list stands still from now on */
  hold(holds) { this.#held = holds ? this.#n : 0; }

  /** @param {string} words of which each frame in the list has all; empty for all frames */
  filter(words) {
    this.#words = words.toLowerCase();
    this.#hits.clear();
  }

  /**
   * A part of the list, the newest first.
   * @param {number} from
   * @param {number} to
   */
  part(from, to) {
    const { text, all } = this.#listed();
    const frames = all.slice(from, to).map(({ raw, ...frame }) => ({ ...frame, size: raw.length }));
    return { from, frames, count: all.length, held: this.#held ? this.#n - this.#held : 0, kept: this.#all.length, n: this.#n, text };
  }

  #listed() {
    const words = this.#words.split(/\s+/).filter(Boolean);
    const until = this.#held || Infinity;
    const looks = (/** @type {Frame} */ { raw, summary, id }) => words.every(word =>
      summary.toLowerCase().includes(word) || id.toLowerCase().includes(word) || raw.length < 200_000 && raw.toLowerCase().includes(word));
    const has = (/** @type {Frame} */ frame) => {
      const known = this.#hits.get(frame.n) ?? looks(frame);
      this.#hits.set(frame.n, known);
      return known;
    };
    const all = this.#all.filter(frame => frame.n <= until && (words.length === 0 || has(frame)));
    return { text: this.#words, all: all.reverse() };
  }
}
