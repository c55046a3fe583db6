/** The documents that deltas apply to. */

import { applyMerge, applyPatch } from './delta.js';

/** @typedef {'snapshot' | 'patch' | 'merge'} Form how a document is sent: whole, or as a delta */

/** @type {readonly Form[]} */
const FORMS = ['snapshot', 'patch', 'merge'];

/**
 * formEvents is the events that carry documents in one of the forms. They are named after it; with several streams on
 * the connection, the stream's name follows. `type` is what the event of a whole document would be called.
 * @param {string[]} streams that the connection names
 * @returns {{name: string, form: Form, type: string}[]}
 */
export function formEvents(streams) {
  return [...new Set(['', ...streams])].flatMap(stream => FORMS.map(form => (
    { name: stream ? `${form}:${stream}` : form, form, type: stream || 'message' })));
}

/** Documents has the newest document of each stream, whole. */
export class Documents {
  /** @type {Map<string, {id: string, document: any}>} */ #newest = new Map();

  /**
   * Takes what a server sent and returns the document, which shares what is unchanged with the one before. It throws
   * when that cannot be had; nothing has changed then.
   * @param {Form} form
   * @param {string} stream
   * @param {string} id of the event
   * @param {string} text the event's data
   * @returns {any}
   */
  take(form, stream, id, text) {
    const said = JSON.parse(text);
    const document = form === 'snapshot' ? said : this.#apply(form, stream, said);
    this.#newest.set(stream, { id, document });
    return document;
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
