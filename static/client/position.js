/** The position of a stream. */

/**
 * Position is the last event ID of a stream, across its connections. A new EventSource begins without an ID, so an empty
 * one means nothing before a first ID. A block with only an `id:` dispatches no event; its ID comes with the next event,
 * of any name.
 */
export class Position {
  /** @type {string | null} */ #id = null;
  #told = false; // the current EventSource has had an ID

  /** The ID after which to resume; empty to begin anew; null if none is known, so that the ID in the URL counts. */
  get id() { return this.#id; }

  /** A new EventSource begins. */
  begin() { this.#told = false; }

  /** @param {string} lastEventId of an event, of any name */
  hear(lastEventId) {
    this.#told ||= lastEventId !== '';
    if (this.#told) this.#id = lastEventId;
  }

  /** Forgets the position, so that the server begins anew. */
  forget() { this.#id = ''; }
}
