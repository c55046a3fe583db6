/** The documents that deltas apply to. */

import { applyMerge, applyPatch } from './delta.js';

/** @typedef {'snapshot' | 'patch' | 'merge'} Form how a document is sent: as a whole, or as a delta */

/** @type {readonly Form[]} */
const FORMS = ['snapshot', 'patch', 'merge'];

/**
 * formEvents lists the events that carry documents in one of the forms. Each is named after its form, followed by the
 * name of the stream on a connection with several. `type` is the name of the event for a whole document.
 * @param {string[]} streams that the connection names
 * @returns {{name: string, form: Form, type: string}[]}
 */
export function formEvents(streams) {
  return [...new Set(['', ...streams])].flatMap(stream => FORMS.map(form => (
    { name: stream ? `${form}:${stream}` : form, form, type: stream || 'message' })));
}

/** Misfit is the error for a delta that does not fit the document. */
export class Misfit extends Error {
  misfit = true;
}

/** Documents keeps the newest whole document of each stream. */
export class Documents {
  #parse;
  /** @type {Map<string, {id: string, document: any}>} */ #newest = new Map();

  /** @param {(text: string) => any} parse makes a document of its text; JSON.parse for the document as it is */
  constructor(parse) {
    this.#parse = parse;
  }

  /**
   * Takes the data of an event and returns the whole document, which shares unchanged parts with the previous one. If
   * the data cannot be applied, it changes nothing and throws: Misfit for a delta.
   * @param {Form} form
   * @param {string} stream
   * @param {string} id of the event
   * @param {string} text the event's data
   * @returns {any}
   */
  take(form, stream, id, text) {
    const document = form === 'snapshot' ? JSON.parse(text) : this.#fit(form, stream, text);
    this.#newest.set(stream, { id, document });
    return this.#parse === JSON.parse ? document : this.#parse(JSON.stringify(document));
  }

  /**
   * @param {'patch' | 'merge'} form
   * @param {string} stream
   * @param {string} text
   */
  #fit(form, stream, text) {
    try {
      return this.#apply(form, stream, JSON.parse(text));
    } catch (error) {
      throw new Misfit(`The server sent a delta that does not fit: ${/** @type {Error} */ (error).message}`);
    }
  }

  /**
   * @param {'patch' | 'merge'} form
   * @param {string} stream
   * @param {any} delta
   */
  #apply(form, stream, delta) {
    const old = this.#newest.get(stream);
    if (!old) throw new Error('there is no document yet');
    if (delta?.base !== old.id) throw new Error('it is for another document');
    if (form === 'patch') return applyPatch(old.document, delta.ops);
    if (!Object.hasOwn(delta, 'patch')) throw new Error('it has no member patch');
    return applyMerge(old.document, delta.patch);
  }
}
