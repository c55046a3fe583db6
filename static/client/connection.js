/** One connection of a stream. */

/** @import { Clock } from './clock.js' */
/** @import { Settings } from './options.js' */

/**
 * A change of a connection: `open`; `dropped` if it was open and the browser tries again by itself; `unreachable` if a
 * try failed and the browser would try again; `refused` if the browser gives up.
 * @typedef {'open' | 'dropped' | 'unreachable' | 'refused'} Turn
 */

const CLOSED = 2; // EventSource.CLOSED, which need not exist where this module is imported

/** Connection is one EventSource. After `close` it delivers no event. Its times are those of the clock. */
export class Connection {
  #clock;
  #source;
  #heardAt;
  #opened = false; // and has not dropped since
  /** @type {number | null} */ #droppedAt = null;
  #closed = false;

  /**
   * Throws SyntaxError for an impossible URL.
   * @param {string} url
   * @param {Pick<Settings, 'EventSource' | 'withCredentials'>} options
   * @param {Clock} clock
   */
  constructor(url, { EventSource, withCredentials }, clock) {
    this.#clock = clock;
    this.#source = new EventSource(url, { withCredentials });
    this.#heardAt = clock.now();
  }

  /** When the last event came, or the connection was created. */
  get heardAt() { return this.#heardAt; }
  /** When the browser began to wait by itself; null if it does not. */
  get droppedAt() { return this.#droppedAt; }

  /**
   * @param {(turn: Turn, waited: number | null) => void} handle is called at each change. If the change ends a wait
   *   of the browser, `waited` is its duration in milliseconds, including the try
   */
  watch(handle) {
    // A server may name its events `open` and `error`. Only those have data; the browser's own do not.
    for (const type of ['open', 'error']) {
      this.#listen(type, event => {
        if ('data' in event) return;
        const waited = this.#droppedAt === null ? null : this.#heardAt - this.#droppedAt;
        const turn = type === 'open' ? 'open' : this.#end();
        this.#opened = turn === 'open';
        this.#droppedAt = turn === 'dropped' ? this.#heardAt : null;
        handle(turn, waited);
      });
    }
  }

  /**
   * @param {string} type of the server's events
   * @param {(event: MessageEvent) => void} handle
   */
  hear(type, handle) {
    this.#listen(type, event => { if ('data' in event) handle(/** @type {MessageEvent} */ (event)); });
  }

  /** Closes the EventSource. */
  close() {
    this.#closed = true;
    this.#source.close();
  }

  /** The change that an `error` event means. */
  #end() {
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
