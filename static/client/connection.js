/** One connection of a stream. */

import { FetchSource } from './fetchsource.js';

/** @import { Clock } from './clock.js' */
/** @import { Failure } from './fetchsource.js' */
/** @import { Settings } from './options.js' */

/**
 * A change of a connection: `open`; `dropped` if it was open and the browser tries again by itself; `unreachable` if a
 * try failed and the browser would try again; `refused` if the browser gives up. With a token: `sent` before all others,
 * when the token has been obtained; `ended` if it was open; `failed` if it was not, and the reason is known.
 * @typedef {'sent' | 'open' | 'dropped' | 'unreachable' | 'refused' | 'ended' | 'failed'} Turn
 */

const CLOSED = 2; // EventSource.CLOSED, which need not exist where this module is imported

/**
 * Connection is one EventSource, or one FetchSource if there is a token. After `close` it delivers no event. Its times
 * are those of the clock.
 */
export class Connection {
  #clock;
  #source;
  #sent; // or it need not wait for a token
  #heardAt;
  #opened = false; // and has not dropped since
  /** @type {number | null} */ #droppedAt = null;
  #closed = false;

  /**
   * Throws SyntaxError for an impossible URL.
   * @param {string} url
   * @param {Settings} options
   * @param {Clock} clock
   */
  constructor(url, options, clock) {
    const { EventSource, withCredentials, token, ticket } = options;
    this.#clock = clock;
    this.#sent = !token && !ticket;
    this.#source = this.#sent ? new EventSource(url, { withCredentials }) : new FetchSource(url, options);
    this.#heardAt = clock.now();
  }

  /** When the last event came, or the connection was created. */
  get heardAt() { return this.#heardAt; }
  /** Whether the request is under way, for which a token may be needed. */
  get sent() { return this.#sent; }
  /** The reconnection time that the server has sent; null if that is not known. */
  get retry() { return 'retry' in this.#source ? this.#source.retry : null; }
  /** The last ID that came, with an event or without; null if that is not known. */
  get lastEventId() { return 'lastEventId' in this.#source ? this.#source.lastEventId : null; }
  /** When the browser began to wait by itself; null if it does not. */
  get droppedAt() { return this.#droppedAt; }

  /**
   * @param {(turn: Turn, waited: number | null, failure: Failure | null) => void} handle is called at each change. If
   *   the change ends a wait of the browser, `waited` is its duration in milliseconds, including the try. `failure` is the
   *   reason of `failed`
   */
  watch(handle) {
    // A server may name its events `open` and `error`. Only those have data; the browser's own do not.
    for (const type of ['open', 'error']) {
      this.#listen(type, event => {
        if ('data' in event) return;
        const waited = this.#droppedAt === null ? null : this.#heardAt - this.#droppedAt;
        const failure = 'failure' in event ? /** @type {Failure | null} */ (event.failure) : undefined;
        const turn = type === 'open' ? 'open' : this.#end(failure);
        this.#opened = turn === 'open';
        this.#droppedAt = turn === 'dropped' ? this.#heardAt : null;
        handle(turn, waited, failure ?? null);
      });
    }
    this.#listen('sent', () => {
      this.#sent = true;
      handle('sent', null, null);
    });
  }

  /**
   * @param {string} type of the server's events
   * @param {(event: MessageEvent) => void} handle
   */
  hear(type, handle) {
    this.#listen(type, event => { if ('data' in event) handle(/** @type {MessageEvent} */ (event)); });
  }

  close() {
    this.#closed = true;
    this.#source.close();
  }

  /**
   * The change that an `error` event means.
   * @param {Failure | null} [failure] of a FetchSource
   */
  #end(failure) {
    if (failure !== undefined) return failure ? 'failed' : 'ended';
    if (this.#source.readyState === CLOSED) return 'refused';
    return this.#opened ? 'dropped' : 'unreachable';
  }

  /**
   * @param {string} type
   * @param {(event: Event) => void} handle
   */
  #listen(type, handle) {
    this.#source.addEventListener(type, event => {
      if (this.#closed) return;
      this.#heardAt = this.#clock.now();
      handle(event);
    });
  }
}
