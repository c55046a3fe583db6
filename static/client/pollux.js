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
 * It works with any server of text/event-stream. It cannot tell 204 ("stop") from 404, since EventSource does not say.
 */

import { Ages } from './ages.js';
import { Backoff } from './backoff.js';
import { Clock } from './clock.js';
import { Connection } from './connection.js';
import { Documents, formEvents } from './documents.js';
import { Names } from './names.js';
import { withDefaults } from './options.js';
import { Position } from './position.js';
import { connectionUrl, resumes, streamNames, wantsDeltas, withQuery } from './query.js';
import { REMOVED, heartbeatIn, resetIn, statusIn } from './signals.js';
import { Statuses } from './statuses.js';

/** @import { Turn } from './connection.js' */
/** @import { Form } from './documents.js' */
/** @import { Settings } from './options.js' */
/** @import { Listener, Options, Problem, State, StreamEvents } from './types.js' */

const PATIENCE = 300_000; // longest wait of a browser for the `retry:` of the server, which we cannot read
const PACE = 100; // least time between connections of setStreams, so that a page that adds streams one by one makes few
const GRACE = 2000; // how long setStreams waits for a connection to open, and to end its replay

/**
 * EventStream connects when it is created, and reconnects until `close()`. Its constructor throws SyntaxError for an
 * invalid URL and RangeError for an invalid option, and `setStreams` throws RangeError. No other method throws.
 *
 * States: `connecting` (until the first connection is open or fails), `live` (connected), `stale` and `down` (connected,
 * but the server says that an upstream is late or does not answer; `status` tells more), `reconnecting` (from the end of
 * one connection to the opening of the next), `closed` (for good). Of several upstreams the worst one counts. While
 * `setStreams` replaces a connection, the state stays as it is for up to 2 s.
 */
export class EventStream extends EventTarget {
  /** @type {string} */ #url;
  /** @type {Settings} */ #options;
  /** @type {string[]} */ #events; // names of events, by the option
  /** @type {Names} */ #names;
  /** @type {string[]} */ #types; // of events that carry documents, beside unnamed ones
  /** @type {Clock} */ #clock;
  /** @type {Backoff} */ #backoff;
  #statuses = new Statuses();
  #documents = new Documents(); // to which deltas apply
  #position = new Position();
  /** @type {Ages} */ #ages;

  /** @type {State} */ #state = 'connecting';
  /** @type {Connection | null} */ #connection = null;
  #beganAt = 0; // when it began to open, or was opened; by the clock
  #replayed = false; // it has sent all that it replays
  #single = false; // its URL is for one request, because it names fresh streams
  #renewing = false; // it replaces an open one, and is not open yet
  #waiting = false; // until the next try
  #armed = false; // the watchdog may act
  #suspended = false; // the page is in the back/forward cache
  /** @type {number | null} */ #retryAt = null; // by the clock

  /** @type {any} */ #value;
  /** @type {string | null} */ #raw = null;
  /** @type {number | null} */ #updatedAt = null;
  #lastEventId = '';
  /** @type {Problem | null} */ #error = null;

  /**
   * @param {string | URL} url of the stream; its query is kept
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = String(url);
    this.#options = withDefaults(options);
    const streams = streamNames(this.#url);
    this.#events = options.events ?? [];
    this.#names = new Names(streams);
    this.#types = options.events ?? typesOf(streams);
    this.#clock = new Clock(this.#options, () => this.#due(), slept => this.#ring(slept));
    this.#backoff = new Backoff(this.#options);
    this.#ages = new Ages(streams, this.#options);
    this.#armed = options.silence !== undefined;
    this.#connect();
    for (const type of PAGE_EVENTS) this.#options.page.addEventListener(type, this.#onPage);
  }

  /** The URL as given. */
  get url() { return this.#url; }
  /** The streams of the current connection. After `setStreams` they change when the next connection begins. */
  get streams() { return this.#names.current; }
  /** The state of the stream. */
  get state() { return this.#state; }
  /** Whether the stream waits until it tries again; false while a try is under way. */
  get waiting() { return this.#waiting; }
  /** The newest document; undefined before the first. Kept while disconnected. */
  get value() { return this.#value; }
  /** The data of the newest event as the server sent it, even a delta or invalid JSON; null before the first. */
  get raw() { return this.#raw; }
  /** The id of the event that brought `value`; empty before the first. */
  get lastEventId() { return this.#lastEventId; }
  /** The last event ID, after which the stream resumes: that of the newest event, or later. Empty while not known. */
  get position() { return this.#position.id ?? ''; }
  /** The newest status of a stream; null before the first, which means that all streams are live. */
  get status() { return this.#statuses.last; }
  /** The current problem; null if there is none. */
  get error() { return this.#error; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#updatedAt; }
  /** The server's time, milliseconds since 1970; null while it is not known. */
  get serverNow() { return this.#ages.now; }
  /** When the next try is due, by the client's clock; null if there is none, or if only the browser knows. */
  get nextRetryAt() { return this.#retryAt === null ? null : this.#clock.wall(this.#retryAt); }

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
    const untried = this.#names.changed && !this.#names.current.some(name => this.#names.has(name));
    if (!this.#connection && this.#retryAt !== null && untried && this.#error?.kind === 'refused') {
      // The old streams were never open, so perhaps the server does not have them.
      this.#retryAt = Math.min(this.#retryAt, this.#beganAt + GRACE);
      this.#clock.wait();
    } else if (this.#connection) this.#clock.wait();
  }

  /** Connects now instead of waiting; also replaces an open connection. */
  reconnect() {
    if (this.#state === 'closed') return;
    this.#suspended = false;
    this.#connect();
  }

  /** Ends the stream for good. The event `state` with `closed` comes before close returns, and no event after it. */
  close() {
    if (this.#state === 'closed') return;
    for (const type of PAGE_EVENTS) this.#options.page.removeEventListener(type, this.#onPage);
    this.#drop();
    this.#waiting = false;
    this.#setState('closed');
  }

  /**
   * @template {keyof StreamEvents} K
   * @param {K} type
   * @param {Listener<StreamEvents[K]> | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, /** @type {EventListenerOrEventListenerObject | null} */ (listener), options);
  }

  // Connecting.

  /** @param {boolean} [renews] whether it replaces a connection only because the streams change */
  #connect(renews = false) {
    this.#drop();
    const url = this.#nextUrl();
    const connection = this.#connection = new Connection(url, this.#options, this.#clock);
    this.#position.begin();
    this.#beganAt = this.#clock.now();
    this.#replayed = false;
    this.#renewing = renews && CONNECTED.includes(this.#state);
    connection.watch((turn, waited) => this.#onTurn(turn, waited));
    /** @type {(name: string, handle: (event: MessageEvent) => void, stream?: string) => void} */
    const hear = (name, handle, stream = '') => connection.hear(name, event => {
      if (this.#names.take(stream)) this.#position.pass(event.lastEventId);
      else this.#position.hear(event.lastEventId);
      handle(event);
    });
    const types = new Set(['message', ...this.#types]);
    for (const type of types) hear(type, event => this.#onData(event), this.#streamOf(type));
    for (const { name, form, type } of wantsDeltas(this.#url) ? formEvents(this.#types) : []) {
      if (!types.has(name)) hear(name, event => this.#onForm(form, type, event), this.#streamOf(type));
    }
    if (!types.has('status')) hear('status', event => this.#onStatus(event));
    if (!types.has('reset')) hear('reset', event => this.#onReset(event));
    if (!types.has('hb')) hear('hb', event => this.#onHeartbeat(event));

    this.#waiting = false;
    if (!renews) this.#setState(this.#state === 'connecting' ? 'connecting' : 'reconnecting');
    this.#clock.wait();
  }

  /** The URL of the next connection, with the streams that it has from now on. */
  #nextUrl() {
    const { changed } = this.#names;
    this.#names.begin();
    if (changed) this.#follow(this.#names.current);
    if (this.#names.fresh === this.#names.current.length) this.#position.forget(); // there is nothing to resume
    const url = connectionUrl(this.#url, this.#options, this.#position.id);
    const query = this.#names.query(resumes(url, this.#options));
    this.#single = Boolean(query.fresh);
    return withQuery(url, query);
  }

  /**
   * Forgets the streams that are gone.
   * @param {string[]} streams those that there are
   */
  #follow(streams) {
    this.#types = [...this.#events, ...typesOf(streams)];
    this.#documents = new Documents(); // each connection begins with snapshots
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

  /** Closes the connection and stops the timer. */
  #drop() {
    this.#clock.stop();
    this.#connection?.close();
    this.#connection = null;
    this.#renewing = false;
    this.#retryAt = null;
  }

  /**
   * @param {Turn} turn
   * @param {number | null} waited
   */
  #onTurn(turn, waited) {
    if (waited !== null) this.#backoff.watch(Math.min(waited, PATIENCE));
    switch (turn) {
      case 'open': return this.#onOpen();
      case 'dropped': return this.#onDropped();
      case 'unreachable': return this.#lose(turn, 'The server could not be reached.');
      case 'refused': return this.#lose(turn, 'The server did not answer with an event stream.');
    }
  }

  #onOpen() {
    this.#waiting = false;
    this.#retryAt = null;
    this.#beganAt = this.#clock.now();
    this.#replayed = false;
    this.#backoff.opened();
    // A server that tells the end of its replay tells by then which streams are not live.
    if (this.#renewing && this.#backoff.told !== null) this.#statuses.doubt();
    else this.#statuses.clear();
    this.#renewing = false;
    this.#ages.opened();
    this.#error = null;
    this.#clock.wait(); // the watchdog is due sooner than while the browser waits
    const changed = this.#names.open();
    this.#setState(this.#statuses.worst);
    if (changed) this.#emit('streams', { streams: this.#names.current });
  }

  #onDropped() {
    if (this.#single || this.#names.fresh > 0) return this.#lose('dropped', 'The connection was lost.');
    const { told } = this.#backoff;
    this.#retryAt = told === null ? null : this.#clock.now() + told;
    this.#fail('dropped', 'The connection was lost.');
  }

  /**
   * Closes the connection and schedules the next one.
   * @param {Problem['kind']} kind
   * @param {string} message
   * @param {boolean} [soon] whether to leave out the server's reconnection time
   */
  #lose(kind, message, soon = false) {
    this.#drop();
    this.#retryAt = this.#clock.now() + this.#backoff.next(soon);
    this.#clock.wait();
    this.#fail(kind, message);
  }

  // Events of the server.

  /**
   * @param {Pick<MessageEvent, 'type' | 'data' | 'lastEventId'>} event
   * @param {(raw: string) => any} [read] returns the document of the data
   */
  #onData({ type, data: raw, lastEventId }, read = this.#options.parse) {
    this.#raw = raw;
    let value;
    try {
      value = read(raw);
    } catch (error) {
      const message = `The server sent a document that cannot be read: ${error instanceof Error ? error.message : error}`;
      return this.#fail('invalid', message, { raw, lastEventId, type });
    }
    this.#ages.take(type);
    this.#value = value;
    this.#lastEventId = lastEventId;
    this.#updatedAt = this.#clock.stamp;
    this.#error = null;
    this.#emit('value', { value, raw, lastEventId, type });
  }

  /**
   * @param {Form} form
   * @param {string} type the name of the event of a whole document
   * @param {MessageEvent} event
   */
  #onForm(form, type, { data, lastEventId }) {
    const { parse } = this.#options;
    /** @type {(document: any) => any} */
    const shape = document => (parse === JSON.parse ? document : parse(JSON.stringify(document)));
    if (form === 'snapshot') {
      return this.#onData({ type, data, lastEventId }, raw => shape(this.#documents.take(form, type, lastEventId, raw)));
    }
    let document;
    try {
      document = this.#documents.take(form, type, lastEventId, data);
    } catch (error) {
      return this.#onMisfit(data, /** @type {Error} */ (error));
    }
    this.#backoff.fitted();
    this.#onData({ type, data, lastEventId }, () => shape(document));
  }

  /**
   * Reconnects without an id, to get a whole document. The waits grow until a delta fits.
   * @param {string} raw
   * @param {Error} error
   */
  #onMisfit(raw, error) {
    this.#raw = raw;
    this.#position.forget();
    this.#backoff.misfitted();
    this.#lose('delta', `The server sent a delta that does not fit: ${error.message}`);
    this.#emit('reset', { reason: 'delta', skipped: null, stream: null });
  }

  /** @param {MessageEvent} event */
  #onStatus(event) {
    const status = statusIn(event.data);
    if (!status) return;
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
    if (heartbeat.retry !== null) this.#backoff.tell(heartbeat.retry);
    this.#ages.hear(heartbeat);
    const armed = this.#armed;
    this.#armed = true;
    if (heartbeat.retry === null) this.#onReplayed();
    if (!armed || this.#names.changed) this.#clock.wait();
    if (heartbeat.now !== null) this.#emit('time', { serverNow: heartbeat.now });
  }

  #onReplayed() {
    this.#replayed = true;
    this.#names.settle();
    this.#statuses.settle();
    if (CONNECTED.includes(this.#state)) this.#setState(this.#statuses.worst);
  }

  // Time.

  /** When the clock has to ring; Infinity if it has not. */
  #due() {
    if (!this.#connection) return this.#retryAt ?? Infinity;
    return Math.min(this.#silentAt(), this.#renewAt(), this.#lateAt());
  }

  /** When the connection has been silent for too long. */
  #silentAt() {
    const { silence } = this.#options;
    if (!this.#connection || !this.#armed || silence === 0) return Infinity;
    const { droppedAt, heardAt } = this.#connection;
    if (droppedAt === null) return heardAt + silence;
    return (this.#retryAt ?? droppedAt + PATIENCE) + silence;
  }

  /**
   * When to replace the connection by one with other streams. It first gets the time to deliver what it replays, because
   * otherwise a page that adds streams all the time would get nothing. A browser that waits by itself is left alone.
   */
  #renewAt() {
    if (!this.#connection || this.#connection.droppedAt !== null || !this.#names.changed) return Infinity;
    return this.#beganAt + (this.#replayed ? PACE : GRACE);
  }

  /** When a connection that replaces an open one is late, so that the state has to say it. */
  #lateAt() {
    return this.#renewing ? this.#beganAt + GRACE : Infinity;
  }

  /** @param {boolean} slept whether the machine slept, so that the server was not silent */
  #ring(slept) {
    if (!this.#connection) return this.#connect();
    const now = this.#clock.now();
    if (now >= this.#lateAt()) {
      this.#renewing = false;
      this.#setState('reconnecting');
    }
    if (now >= this.#renewAt()) return this.#connect(true);
    if (now < this.#silentAt()) return this.#clock.wait();
    this.#lose('silent', `Nothing was heard for ${Math.round(this.#options.silence / 1000)} s.`, slept);
  }

  // The page.

  /** @param {Event} event */
  #onPage = ({ type }) => {
    if (type === 'pagehide') {
      // A page with an open connection is not put into the back/forward cache.
      this.#suspended = true;
      this.#drop();
      this.#lost();
    } else if (type === 'pageshow') {
      if (this.#suspended) this.reconnect();
    } else if (type === 'online') {
      if (this.#waiting && !this.#suspended) this.reconnect();
    } else {
      // A hidden tab's timers run late.
      this.#clock.look();
    }
  };

  // Events for the page.

  /** @param {State} state */
  #setState(state) {
    const previous = this.#state;
    if (previous === state) return;
    this.#state = state;
    super.dispatchEvent(new CustomEvent('state', { detail: { state, previous } }));
  }

  /** Notes that there is no connection, and no try under way. */
  #lost() {
    this.#waiting = true;
    this.#setState('reconnecting');
  }

  /**
   * @param {Problem['kind']} kind
   * @param {string} message
   * @param {object} [more]
   */
  #fail(kind, message, more) {
    const problem = this.#error = { kind, message, at: this.#clock.stamp };
    if (kind !== 'invalid') this.#lost();
    this.#emit('problem', { ...problem, ...more });
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
const PAGE_EVENTS = ['online', 'pagehide', 'pageshow', 'visibilitychange'];

/**
 * The names of the events that carry the documents of a connection's streams, beside unnamed ones.
 * @param {string[]} streams
 */
function typesOf(streams) {
  return streams.length > 1 ? streams : [];
}
