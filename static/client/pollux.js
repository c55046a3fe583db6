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
 * The streams of a connection can change: `setStreams` replaces it by one with other streams, which resumes with the ID of
 * the old one. So the streams that stay miss nothing. An ID is a position in all streams, therefore the new URL says with
 * `fresh=` of which streams nothing has come yet, and the server sends their newest documents first. EventSource
 * reconnects with the URL that it has, whose `fresh=` is out of date by then, so that documents would be skipped. So the
 * `EventStream` takes over when such a connection drops.
 *
 * With the option `token`, a stream is read by `fetch` instead, which sends it as a header. The function is called before
 * each try. When the server says that the token has expired, the next connection begins within a second, with a new token,
 * and the state stays as it is meanwhile; but only once in 10 s. After a refusal, `error` has the words of the server:
 *
 * - `unauthorized` (401): the stream tries again as after any failure, because the function can return another token.
 *   With a token that is fixed it waits for 2.5 to 5 minutes.
 * - `forbidden` (403): the stream waits for 2.5 to 5 minutes. `reconnect()` and other streams end the wait.
 * - `token`: the function failed. It is called again as after any failure.
 *
 * The token is in no URL, no storage and no message. `Retry-After` and `retry:` are obeyed. A ticket, which some other
 * server has obtained for the page, goes into the URL, and is valid once.
 *
 * It works with any server of text/event-stream. Without a token it cannot tell why it was refused, nor 204 ("stop") from
 * 404, since EventSource does not say.
 */

import { Ages } from './ages.js';
import { formEvents } from './documents.js';
import { Link } from './link.js';
import { Names } from './names.js';
import { Misfit, Newest } from './newest.js';
import { withDefaults } from './options.js';
import { streamNames, wantsDeltas } from './query.js';
import { EXPIRED, REMOVED, heartbeatIn, resetIn, statusIn } from './signals.js';
import { Statuses } from './statuses.js';
import { StreamTarget } from './target.js';

/** @import { Form } from './documents.js' */
/** @import { Hear } from './link.js' */
/** @import { Options, Problem, State, StreamEvents } from './types.js' */

/**
 * EventStream connects when it is created, and reconnects until `close()`. Its constructor throws SyntaxError for an
 * invalid URL and RangeError for an invalid option, and `setStreams` throws RangeError. No other method throws.
 *
 * States: `connecting` (until the first connection is open or fails), `live` (connected), `stale` and `down` (connected,
 * but the server says that an upstream is late or does not answer; `status` tells more), `reconnecting` (from the end of
 * one connection to the opening of the next), `closed` (for good). Of several upstreams the worst one counts. While
 * `setStreams` replaces a connection, the state stays as it is for up to 2 s.
 */
export class EventStream extends StreamTarget {
  /** @type {string} */ #url;
  /** @type {string[]} */ #events; // names of events, by the option
  /** @type {string[]} */ #types; // of events that carry documents, beside unnamed ones
  /** @type {Names} */ #names;
  /** @type {Link} */ #link;
  /** @type {Newest} */ #newest;
  /** @type {Ages} */ #ages;
  #statuses = new Statuses();
  /** @type {State} */ #state = 'connecting';
  /** @type {Problem | null} */ #error = null;

  /**
   * @param {string | URL} url of the stream; its query is kept
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = String(url);
    const settings = withDefaults(options);
    const streams = streamNames(this.#url);
    this.#events = options.events ?? [];
    this.#types = options.events ?? typesOf(streams);
    this.#names = new Names(streams);
    this.#newest = new Newest(settings);
    this.#ages = new Ages(streams, settings);
    this.#link = new Link(this.#url, settings, options.silence !== undefined, this.#names, {
      listen: (hear, renamed) => this.#listen(hear, renamed),
      begin: () => this.#setState(this.#state === 'connecting' ? 'connecting' : 'reconnecting'),
      open: kept => this.#onOpen(kept),
      late: () => this.#setState('reconnecting'),
      lost: problem => this.#onLost(problem),
    });
    this.#link.connect();
  }

  /** The URL as given. */
  get url() { return this.#url; }
  /** The streams of the current connection. After `setStreams` they change when the next connection begins. */
  get streams() { return this.#names.current; }
  /** The state of the stream. */
  get state() { return this.#state; }
  /** Whether the stream waits until it tries again; false while a try is under way. */
  get waiting() { return this.#link.waiting; }
  /** The newest document; undefined before the first. Kept while disconnected. */
  get value() { return this.#newest.value; }
  /** The data of the newest event as the server sent it, even a delta or invalid JSON; null before the first. */
  get raw() { return this.#newest.raw; }
  /** The id of the event that brought `value`; empty before the first. */
  get lastEventId() { return this.#newest.lastEventId; }
  /** The last event ID, after which the stream resumes: that of the newest event, or later. Empty while not known. */
  get position() { return this.#link.position ?? ''; }
  /** The newest status of a stream; null before the first, which means that all streams are live. */
  get status() { return this.#statuses.last; }
  /** The current problem; null if there is none. */
  get error() { return this.#error; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#newest.updatedAt; }
  /** The server's time, milliseconds since 1970; null while it is not known. */
  get serverNow() { return this.#ages.now; }
  /** When the next try is due, by the client's clock; null if there is none, or if only the browser knows. */
  get nextRetryAt() { return this.#link.nextRetryAt; }

  /**
   * How long ago the newest document was made, in milliseconds; null while that is not known.
   * @param {string} [stream] default: the one with the newest document
   */
  age(stream) { return this.#ages.age(stream); }

  /**
   * When it was made, milliseconds since 1970 by the server's time; null while that is not known.
   * @param {string} [stream] default: the one with the newest document
   */
  madeAt(stream) { return this.#ages.madeAt(stream); }

  /**
   * The state of one of several streams: like `state`, but the status of that stream alone counts. It is `connecting`
   * until a connection with that stream is open.
   * @param {string} stream
   * @returns {State}
   */
  stateOf(stream) {
    if (!CONNECTED.includes(this.#state)) return this.#state;
    return this.#names.has(stream) ? this.#statuses.of(stream) : 'connecting';
  }

  /**
   * The newest status of one of several streams; null if it is live, or if that is not known.
   * @param {string} stream
   */
  statusOf(stream) { return this.#statuses.get(stream); }

  /**
   * Changes the streams, from 1 to 100. The connection is replaced after a macrotask, so several calls cost one
   * connection; or later, when the current one has ended its replay, at most 2 s after it was opened. Streams that stay
   * miss nothing, and a new one begins with its newest document, which comes twice if the connection drops just then. The
   * names of events follow: with one stream, documents are unnamed, and with several, they have the names of their
   * streams.
   * @param {Iterable<string>} names
   */
  setStreams(names) {
    this.#names.choose(names);
    this.#link.rename();
  }

  /** Connects now instead of waiting; also replaces an open connection. */
  reconnect() {
    if (this.#state !== 'closed') this.#link.connect();
  }

  /** Ends the stream for good. The event `state` with `closed` comes before close returns, and no event after it. */
  close() {
    if (this.#state === 'closed') return;
    this.#link.close();
    this.#setState('closed');
  }

  // Connections.

  /**
   * @param {Hear} hear
   * @param {boolean} renamed
   */
  #listen(hear, renamed) {
    if (renamed) this.#follow(this.#names.current);
    const types = new Set(['message', ...this.#types]);
    for (const type of types) hear(type, event => this.#onDocument(null, type, event), this.#streamOf(type));
    for (const { name, form, type } of wantsDeltas(this.#url) ? formEvents(this.#types) : []) {
      if (!types.has(name)) hear(name, event => this.#onDocument(form, type, event), this.#streamOf(type));
    }
    if (!types.has('status')) hear('status', event => this.#onStatus(event));
    if (!types.has('reset')) hear('reset', event => this.#onReset(event));
    if (!types.has('hb')) hear('hb', event => this.#onHeartbeat(event));
  }

  /**
   * Forgets the streams that are gone.
   * @param {string[]} streams those that there are
   */
  #follow(streams) {
    this.#types = [...this.#events, ...typesOf(streams)];
    this.#newest.restart();
    this.#statuses.keep(streams);
    this.#ages.follow(streams);
  }

  /**
   * The stream of a document.
   * @param {string} type of its event
   */
  #streamOf(type) {
    const { current } = this.#names;
    return current.length > 1 ? type : current[0];
  }

  /** @param {boolean} kept */
  #onOpen(kept) {
    // A server that tells the end of its replay tells by then which streams are not live.
    if (kept) this.#statuses.doubt();
    else this.#statuses.clear();
    this.#ages.opened();
    this.#error = null;
    const changed = this.#names.open();
    this.#setState(this.#statuses.worst);
    if (changed) this.#emit('streams', { streams: this.#names.current });
  }

  /** @param {Omit<Problem, 'at'> | null} problem */
  #onLost(problem) {
    const error = problem && { ...problem, at: this.#link.stamp };
    this.#error = error ?? this.#error;
    this.#setState('reconnecting');
    if (error) this.#emit('problem', { ...error });
  }

  // Events of the server.

  /**
   * @param {Form | null} form null: no delta, and no snapshot for deltas
   * @param {string} type the name of the event of a whole document
   * @param {MessageEvent} event
   */
  #onDocument(form, type, event) {
    const { data: raw, lastEventId } = event;
    try {
      this.#newest.take(form, type, event, this.#link.stamp);
    } catch (error) {
      if (error instanceof Misfit) return this.#onMisfit(error);
      const message = `The server sent a document that cannot be read: ${error instanceof Error ? error.message : error}`;
      this.#error = { kind: 'invalid', message, at: this.#link.stamp };
      return this.#emit('problem', { ...this.#error, raw, lastEventId, type });
    }
    if (form !== null && form !== 'snapshot') this.#link.fit();
    this.#ages.take(type);
    this.#error = null;
    this.#emit('value', { value: this.#newest.value, raw, lastEventId, type });
  }

  /** @param {Misfit} error */
  #onMisfit(error) {
    this.#link.misfit(`The server sent a delta that does not fit: ${error.message}`);
    this.#emit('reset', { reason: 'delta', skipped: null, stream: null });
  }

  /** @param {MessageEvent} event */
  #onStatus(event) {
    const status = statusIn(event.data);
    if (!status) return;
    if (status.error === EXPIRED && this.#link.expire()) return; // which says nothing about the streams
    if (status.error === REMOVED) this.#names.miss(status.stream ?? '');
    this.#statuses.take(status);
    this.#setState(this.#statuses.worst);
    this.#emit('status', status);
  }

  /** @param {MessageEvent} event */
  #onReset(event) {
    this.#emit('reset', resetIn(event.data));
  }

  /** @param {MessageEvent} event */
  #onHeartbeat(event) {
    const heartbeat = heartbeatIn(event.data);
    this.#ages.hear(heartbeat);
    this.#link.beat(heartbeat);
    if (heartbeat.retry === null) {
      this.#statuses.settle();
      if (CONNECTED.includes(this.#state)) this.#setState(this.#statuses.worst);
    }
    if (heartbeat.now !== null) this.#emit('time', { serverNow: heartbeat.now });
  }

  // Events for the page.

  /** @param {State} state */
  #setState(state) {
    const previous = this.#state;
    if (previous === state) return;
    this.#state = state;
    super.dispatchEvent(new CustomEvent('state', { detail: { state, previous } }));
  }

  /**
   * @template {keyof StreamEvents} K
   * @param {K} type
   * @param {StreamEvents[K]} detail
   */
  #emit(type, detail) {
    if (this.#state !== 'closed') super.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @type {readonly State[]} */
const CONNECTED = ['live', 'stale', 'down'];

/**
 * The names of the events that carry the documents of a connection's streams, beside unnamed ones.
 * @param {string[]} streams
 */
function typesOf(streams) {
  return streams.length > 1 ? streams : [];
}
