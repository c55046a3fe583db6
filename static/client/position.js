/** Where a stream stands. */

/**
 * Position is the last event ID of a stream, which outlives the connections that tell it. An EventSource begins without
 * one, so that an empty ID means nothing there, until it has told another. A block that has only an `id:` dispatches
 * nothing: its ID comes with the next event, whichever that is.
 */
export class Position {
  /** @type {string | null} */ #id = null;
  #told = false; // by the present EventSource

  /** From where to go on; empty: from nowhere; null: nothing is known, and the URL's own ID holds. */
  get id() { return this.#id; }

  /** A new EventSource begins. */
  begin() { this.#told = false; }

  /** @param {string} lastEventId of an event, of any name */
  hear(lastEventId) {
    this.#told ||= lastEventId !== '';
    if (this.#told) this.#id = lastEventId;
  }

  /** Gives the position up, so that the server begins anew. */
  forget() { this.#id = ''; }
}
