/** The newest document of a connection. */

import { Documents } from './documents.js';

/** @import { Form } from './documents.js' */
/** @import { Settings } from './options.js' */

/** Misfit is the error for a delta that does not fit the document. */
export class Misfit extends Error {}

/** Newest keeps the newest document of all streams of a connection. A document that cannot be read leaves it as it is. */
export class Newest {
  /** @type {any} undefined before the first */ value;
  /** The data of the newest event, even if it could not be read; null before the first. @type {string | null} */ raw = null;
  /** The id of the event that brought `value`; empty before the first. */ lastEventId = '';
  /** When `value` arrived, by the client's clock; null before the first. @type {number | null} */ updatedAt = null;
  #documents = new Documents(); // to which deltas apply
  #parse;

  /** @param {Pick<Settings, 'parse'>} options */
  constructor({ parse }) {
    this.#parse = parse;
  }

  /** Forgets what deltas apply to: the next connection begins with snapshots. */
  restart() { this.#documents = new Documents(); }

  /**
   * Takes a document. It throws what the parser throws, and Misfit for a delta that does not fit.
   * @param {Form | null} form in which it was sent; null: as a whole, without deltas
   * @param {string} type of the event that a whole document has
   * @param {Pick<MessageEvent, 'data' | 'lastEventId'>} event
   * @param {number} at when it arrived
   */
  take(form, type, { data, lastEventId }, at) {
    this.raw = data;
    const value = form === null ? this.#parse(data) : this.#shape(this.#assemble(form, type, lastEventId, data));
    Object.assign(this, { value, lastEventId, updatedAt: at });
  }

  /** @type {Documents['take']} */
  #assemble(form, stream, id, text) {
    try {
      return this.#documents.take(form, stream, id, text);
    } catch (error) {
      throw form === 'snapshot' ? error : new Misfit(/** @type {Error} */ (error).message);
    }
  }

  /** @param {any} document */
  #shape(document) {
    return this.#parse === JSON.parse ? document : this.#parse(JSON.stringify(document));
  }
}
