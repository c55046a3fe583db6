/** The position of a stream. */

/**
 * Position is the last event ID of a stream, across its connections. A new EventSource begins without an ID, so an empty
 * one means nothing before a first ID. A block with only an `id:` dispatches no event; its ID comes with the next event,
 * of any name.
 */
export class Position {
  /** @type {string | null} */ #id = null;
  #seen = ''; // the last ID of the current EventSource

  /** The ID after which to resume; empty to begin anew; null if none is known, so that the ID in the URL counts. */
  get id() { return this.#id; }

  /** A new EventSource begins. */
  begin() { this.#seen = ''; }

  /** @param {string} lastEventId of an event, of any name */
  hear(lastEventId) {
    if (lastEventId === this.#seen) return;
    this.#id = this.#seen = lastEventId;
  }

  /**
   * Leaves the position where it is: the event may be older than what the other streams have.
   * @param {string} lastEventId of that event, which the EventSource repeats with events that have no ID
   */
  pass(lastEventId) { this.#seen = lastEventId; }

  /** Forgets the position, so that the server begins anew. */
  forget() { this.#id = ''; }
}
