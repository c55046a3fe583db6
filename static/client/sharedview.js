/** A stream of a connection that others use too, for one of its users. */

import { StreamTarget } from './target.js';

/** @import { SharedConnection } from './sharedconnection.js' */
/** @import { HookOptions, State, StreamEvents } from './types.js' */

/**
 * SharedView is one stream of a connection that others use too. It has what `usePollux` reads of an EventStream.
 * @extends {StreamTarget<any>}
 */
export class SharedView extends StreamTarget {
  #shared;
  #name;
  #topic;
  #closed = false;
  /** @type {State} */ #state; // as the events told it

  /**
   * @param {SharedConnection} shared
   * @param {string} name of the stream
   * @param {HookOptions} options
   */
  constructor(shared, name, options) {
    super();
    this.options = options;
    this.#shared = shared;
    this.#name = name;
    this.#topic = shared.join(this, name);
    this.#state = this.state;
  }

  /** The state of the connection, of which only the status of this stream counts. */
  get state() { return this.#closed ? 'closed' : this.#shared.stateOf(this.#name); }
  /** The newest document of the stream; undefined before the first. Kept while disconnected. */
  get value() { return this.#topic.value; }
  /** The id of the event that brought `value`; empty before the first. */
  get lastEventId() { return this.#topic.lastEventId; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#topic.updatedAt; }
  /** The newest status of the stream; null if it is live, or if that is not known. */
  get status() { return this.#shared.statusOf(this.#name); }
  /** The current problem with the connection, this stream or its document. It is null while there is no problem. */
  get error() { return this.#shared.problemOf(this.#name) ?? this.#topic.problem; }

  /**
   * As `EventStream.age`.
   * @param {string} [stream] default: the one of this view
   */
  age(stream = this.#name) { return this.#shared.age(stream); }

  /**
   * As `EventStream.madeAt`.
   * @param {string} [stream] default: the one of this view
   */
  madeAt(stream = this.#name) { return this.#shared.madeAt(stream); }

  /** Ends this view for good; the connection, if no other view is left. No event comes after `closed`. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#shared.leave(this, this.#name);
    this.#look();
  }

  /**
   * Dispatches an event of the connection, and before it the event `state` if the state of this stream has changed.
   * @param {keyof StreamEvents | null} type null: only that one
   * @param {object} [detail]
   */
  tell(type, detail) {
    this.#look();
    if (!this.#closed && type !== null) this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #look() {
    const [state, previous] = [this.state, this.#state];
    if (state === previous) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: { state, previous } }));
  }
}
