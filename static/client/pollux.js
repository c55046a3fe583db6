/**
 * The browser's end of a Pollux stream. No dependencies, no build step.
 *
 *     import { EventStream } from '/client/pollux.js';
 *     const stream = new EventStream('/api/sse');
 *     stream.addEventListener('value', () => console.log(stream.value));
 *
 * An `EventStream` wraps the browser's EventSource and reconnects whatever ends it, in one of these ways:
 *
 * - When an open stream drops, EventSource reconnects. It waits as long as the server's `retry:` says and resumes with
 *   `Last-Event-ID`. JavaScript cannot read `retry:`, so only the browser can obey it exactly.
 * - When the attempt after that fails too, or the answer is not an event stream (404, 502, 503, a wrong MIME type:
 *   EventSource gives up there), the `EventStream` takes over with a new EventSource. It waits the server's
 *   reconnection time plus a random part of an exponentially growing one, as WHATWG HTML 9.2.3 allows after a failed
 *   attempt, and resumes with `?last_event_id=`, because a new EventSource cannot send the header.
 * - A watchdog replaces a connection that has been silent for too long. It acts only if the server sends heartbeats,
 *   that is, after a first `hb` event, or if the option `silence` was given.
 *
 * The position, which is the last event ID, is kept in all these cases and after a `reset`. `age()` is the age of a
 * document by the server's time, which comes with `hb` events, because the clock of a browser can be wrong.
 *
 * Pollux sends its reconnection time first, as `event: hb` with `data: {"retry": <milliseconds>}`, if the query has
 * `heartbeat=event`. For any other server, it is learned from the waits of the browser.
 *
 * With `mode=patch` or `mode=merge` in the URL, Pollux sends deltas instead of documents. They are applied here: `value`
 * is always the whole document. It is a new object each time and shares unchanged parts with the one before, so never
 * change it. A delta that does not fit is a `reset` with the reason `delta`, and the document comes whole with the next
 * connection.
 *
 * A page that wakes, because somebody looks at it again, the machine has a network again, or it returns from the
 * back/forward cache, comes back at once instead of waiting; but not before the time of a `Retry-After`.
 *
 * With the option `token`, `ticket` or `headers`, a stream is read by `fetch` instead (`fetchsource.js`).
 *
 * What only some streams need is loaded when they need it (`ondemand.js`): deltas, several streams, a token, ages, loops.
 * If that fails, the stream tries again as after any failure.
 *
 * It works with any server of text/event-stream. Without a token it cannot tell why it was refused, nor 204 ("stop") from
 * 404, since EventSource does not say.
 */

import { Link } from './link.js';
import { load, modules, needsOf } from './ondemand.js';
import { withDefaults } from './options.js';
import { streamNames, wantsDeltas } from './query.js';
import { REMOVED, resetIn, retryIn, statusIn } from './signals.js';
import { Statuses } from './statuses.js';
import { StreamTarget } from './target.js';

/** @import { Ages } from './ages.js' */
/** @import { Documents, Form } from './documents.js' */
/** @import { Names } from './names.js' */
/** @import { Handler } from './owner.js' */
/** @import { Options, Problem, State, StreamEvents } from './types.js' */

/**
 * EventStream connects when it is created, and reconnects until `close()`, or until the option `signal` is aborted. Its
 * constructor throws TypeError for an invalid URL and RangeError for an invalid time. No method throws.
 *
 * States: `connecting` (until the first connection is open or fails), `live` (connected), `stale` and `down` (connected,
 * but the server says that an upstream is late or does not answer; `status` tells more), `reconnecting` (from the end of
 * one connection to the opening of the next), `closed` (for good). Of several upstreams the worst one counts.
 * @template [T=any]
 * @extends {StreamTarget<T>}
 */
export class EventStream extends StreamTarget {
  /** @type {string} */ #url;
  #settings;
  /** @type {string[]} */ #events; // names of events, by the option
  /** @type {Link} */ #link;
  /** @type {Ages | undefined} */ #ages;
  /** To which deltas apply. @type {Documents | undefined} */ #documents;
  /** @type {T | undefined} */ #value;
  /** @type {string | null} */ #raw = null;
  #lastEventId = '';
  /** @type {number | null} */ #updatedAt = null;
  #statuses = new Statuses();
  /** @type {State} */ #state = 'connecting';
  /** @type {Problem | null} */ #error = null;
  #end = new AbortController();

  /**
   * @param {string | URL} url of the stream; its query is kept
   * @param {Options} [options]
   * @param {Names} [names] of streams that come and go, for a StreamSet
   */
  constructor(url, { events = [], signal, ...options } = {}, names) {
    super();
    this.#url = String(url);
    this.#settings = withDefaults(options);
    const streams = streamNames(this.#url);
    this.#events = events;
    this.#link = new Link(this.#url, this.#settings, streams, needsOf(this.#url, streams, this.#settings), this.#end.signal, {
      listen: renamed => this.#listen(renamed),
      begin: () => { if (this.#state !== 'connecting') this.#setState('reconnecting'); },
      open: (kept, renamed) => this.#onOpen(kept, renamed),
      lost: problem => this.#onLost(problem),
    }, names);
    signal?.addEventListener('abort', () => this.close(), { signal: this.#end.signal });
    if (modules.ages) this.#age();
    if (signal?.aborted) this.close();
    else this.#link.connect();
  }

  /** The URL as given. */
  get url() { return this.#url; }
  /** The streams of the current connection. */
  get streams() { return this.#link.streams; }
  /** The state of the stream. */
  get state() { return this.#state; }
  /** Whether the stream waits until it tries again; false while a try is under way. */
  get waiting() { return this.#link.waiting; }
  /** The newest document; undefined before the first. Kept while disconnected. */
  get value() { return this.#value; }
  /** The data of the newest event as the server sent it, even a delta or invalid JSON; null before the first. */
  get raw() { return this.#raw; }
  /** The id of the event that brought `value`; empty before the first. */
  get lastEventId() { return this.#lastEventId; }
  /** The last event ID, after which the stream resumes: that of the newest event, or later. Empty while not known. */
  get position() { return this.#link.position ?? ''; }
  /** The newest status of a stream; null before the first, which means that all streams are live. */
  get status() { return this.#statuses.last; }
  /** The current problem; null if there is none. */
  get error() { return this.#error; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#updatedAt; }
  /** The server's time, milliseconds since 1970; null while it is not known. */
  get serverNow() { return this.#age()?.now ?? null; }
  /** When the next try is due, by the client's clock; null if there is none, or if only the browser knows. */
  get nextRetryAt() { return this.#link.nextRetryAt; }

  /**
   * How long ago the newest document was made, in milliseconds; null while that is not known. The first call on a page
   * loads a module, so it is known after the next heartbeat, at the next event `time`; `import 'ages.js'` loads it before.
   * @param {string} [stream] default: the one with the newest document
   * @returns {number | null}
   */
  age(stream) { return this.#age()?.age(stream) ?? null; }

  /**
   * When it was made, milliseconds since 1970 by the server's time; null while that is not known, as with `age`.
   * @param {string} [stream] default: the one with the newest document
   * @returns {number | null}
   */
  madeAt(stream) { return this.#age()?.madeAt(stream) ?? null; }

  /**
   * The newest status of one of several streams; null if it is live, or if that is not known.
   * @param {string} stream
   */
  statusOf(stream) { return this.#statuses.get(stream); }

  /** Connects now instead of waiting; also replaces an open connection. */
  reconnect() {
    if (this.#state !== 'closed') this.#link.connect();
  }

  /** Ends the stream for good. The event `state` with `closed` comes before close returns, and no event after it. */
  close() {
    if (this.#state === 'closed') return;
    this.#end.abort();
    this.#link.close();
    this.#setState('closed');
  }

  /**
   * The newest document, if there is one, and then each that comes: `for await (const document of stream)`. The loop ends
   * when the stream is closed. Leaving the loop does not close it.
   * @returns {AsyncGenerator<T, void, void>}
   */
  async *[Symbol.asyncIterator]() {
    const { iterate } = await load('iterate');
    yield* iterate(this);
  }

  // Connections.

  /**
   * The events to hear. One that the page wants as a document is one, whatever it is called.
   * @param {boolean} renamed
   */
  #listen(renamed) {
    const { streams } = this.#link;
    if (renamed) {
      this.#documents = undefined; // the connection begins with snapshots
      this.#statuses.keep(new Set(['', ...streams]));
    }
    /** @type {Map<string, Handler>} */
    const handlers = new Map([
      ['status', [event => this.#onStatus(event)]],
      ['reset', [event => this.#emit('reset', resetIn(event.data))]],
      ['hb', [event => this.#onHeartbeat(event)]],
    ]);
    /** @type {(name: string, form: Form | null, type: string) => void} */
    const document = (name, form, type) => handlers.set(name, [event => this.#onDocument(form, type, event), type]);
    const types = [...this.#events, ...(streams.length > 1 ? streams : [])];
    if (wantsDeltas(this.#url) && modules.deltas) {
      this.#documents ??= new modules.deltas.Documents(this.#settings.parse);
      for (const { name, form, type } of modules.deltas.formEvents(types)) document(name, form, type);
    }
    for (const type of ['message', ...types]) document(type, null, type);
    return handlers;
  }

  /**
   * @param {boolean} kept
   * @param {boolean} renamed
   */
  #onOpen(kept, renamed) {
    this.#statuses.begin(kept);
    this.#ages?.opened();
    this.#error = null;
    this.#setState(this.#statuses.worst);
    if (renamed) this.#emit('streams', { streams: this.streams });
  }

  /** @param {Omit<Problem, 'at'>} problem */
  #onLost(problem) {
    const error = this.#error = { ...problem, at: this.#settings.now() };
    this.#setState('reconnecting');
    this.#emit('problem', error);
  }

  // Events of the server.

  /**
   * @param {Form | null} form null: no delta, and no snapshot for deltas
   * @param {string} type the name of the event of a whole document
   * @param {MessageEvent} event
   */
  #onDocument(form, type, { data: raw, lastEventId }) {
    this.#raw = raw;
    try {
      this.#value = form ? this.#documents?.take(form, type, lastEventId, raw) : this.#settings.parse(raw);
    } catch (/** @type {any} */ error) {
      const message = error?.message ?? error;
      if (error?.misfit) {
        this.#link.misfit(message);
        return this.#emit('reset', { reason: 'delta', skipped: null, stream: null });
      }
      this.#error = { kind: 'invalid', message: `A document cannot be read: ${message}`, at: this.#settings.now() };
      return this.#emit('problem', { ...this.#error, raw, lastEventId, type });
    }
    this.#lastEventId = lastEventId;
    this.#updatedAt = this.#settings.now();
    this.#error = null;
    this.#ages?.take(type);
    this.#emit('value', { value: /** @type {T} */ (this.#value), raw, lastEventId, type });
  }

  /** @param {MessageEvent} event */
  #onStatus({ data }) {
    const status = statusIn(data);
    if (!status) return;
    if (status.error === REMOVED) this.#link.miss(status.stream ?? '');
    this.#statuses.take(status);
    this.#setState(this.#statuses.worst);
    this.#emit('status', status);
  }

  /** @param {MessageEvent} event */
  #onHeartbeat({ data }) {
    const retry = retryIn(data);
    const serverNow = this.#ages?.hear(data);
    this.#link.beat(retry);
    if (retry === null) {
      this.#statuses.settle();
      this.#setState(this.#statuses.worst);
    }
    if (serverNow !== undefined) this.#emit('time', { serverNow });
  }

  /** The ages, once their module is there. */
  #age() {
    if (modules.ages) this.#ages ??= new modules.ages.Ages(() => this.streams, this.#settings);
    else load('ages').then(() => this.#age(), () => {}); // the next call tries again
    return this.#ages;
  }

  // Events for the page.

  /** @param {State} state */
  #setState(state) {
    const previous = this.#state;
    if (previous === state) return;
    this.#state = state;
    this.#emit('state', { state, previous });
  }

  /**
   * @template {keyof StreamEvents<T>} K
   * @param {K} type
   * @param {StreamEvents<T>[K]} detail
   */
  #emit(type, detail) {
    if (this.#state !== 'closed' || type === 'state') this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
