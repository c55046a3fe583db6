/**
 * The browser's end of a Pollux stream. No dependencies, no build step.
 *
 *     import { EventStream } from '/client/pollux.js';
 *     const stream = new EventStream('/api/sse');
 *     stream.addEventListener('value', () => console.log(stream.value));
 *
 * An `EventStream` wraps the browser's EventSource and comes back after anything that ends it. Who reconnects when:
 *
 * - A stream that was open and dropped is left to EventSource, which waits as long as the server's `retry:` said and
 *   resumes with `Last-Event-ID`. JavaScript cannot read `retry:`; nothing obeys it better than the browser itself.
 * - When the attempt after that fails too, or the answer is no event stream at all (404, 502, 503, a wrong MIME type:
 *   EventSource gives up there for good), the `EventStream` takes over with a new EventSource. It waits the server's
 *   reconnection time plus a random part of an exponentially growing one, as WHATWG HTML 9.2.3 allows after a failed
 *   attempt, and resumes with `?last_event_id=`, because a new EventSource cannot send the header.
 * - A connection that has gone silent is dead although nothing said so: a watchdog replaces it. It trusts only servers
 *   known to break their silence, that is, after a first `hb` event or when the option `silence` was given.
 *
 * The server's reconnection time is known from `event: hb` with `data: {"retry": <milliseconds>}`, which Pollux sends
 * first when asked with `?heartbeat=event`; from any other server it is learned by watching the browser wait.
 *
 * With `mode=patch` or `mode=merge` in the URL, Pollux sends deltas instead of documents. They are applied here: `value`
 * is the whole document all the same. It is new each time and shares what is unchanged with the one before, so never
 * change it. A delta that does not fit is a `reset` with the reason `delta`, and the document comes whole with the next
 * connection.
 *
 * It works with any server of text/event-stream. It cannot tell 204 ("stop") from 404, since EventSource does not say.
 */

import { backoffBound } from './backoff.js';
import { FORMS, Documents } from './documents.js';
import { withDefaults } from './options.js';
import { streamNames, wantsDeltas, withQuery } from './query.js';

/** @import { Form } from './documents.js' */
/** @import { Health, Listener, Options, Problem, State, Status, StreamEvents } from './types.js' */

const TICK = 10_000; // longest sleep between looks at the clock: timers stand still while a laptop sleeps
const PATIENCE = 300_000; // longest wait granted to a browser that obeys a `retry:` which we cannot read

/**
 * EventStream connects as soon as it is made and stays until `close()`. It throws SyntaxError for an impossible URL,
 * RangeError for an impossible option, and never afterwards.
 *
 * States: `connecting` (a try is under way), `live` (connected), `stale` (connected, but the server says that what it
 * serves is old; `status` tells more), `waiting` (until the next try), `closed` (for good).
 */
export class EventStream extends EventTarget {
  /** @type {string} */ #url;
  /** @type {Required<Omit<Options, 'events'>>} */ #options;
  /** @type {string[]} */ #names; // of events that carry documents
  /** @type {Documents | null} */ #documents; // that deltas apply to; null: they come whole
  /** @type {EventSource | null} */ #source = null;
  /** @type {State} */ #state = 'connecting';
  #opened = false; // the present source has been open, and has not dropped since
  #armed = false; // the watchdog may act
  #suspended = false; // the page is in the back/forward cache
  #failures = 0; // since the last open; misfits count on
  #misfits = 0; // deltas that did not fit since one last did
  #quietSince = 0; // when the present source was last heard of
  /** @type {number | null} */ #droppedAt = null; // since when the browser waits by itself
  /** @type {number | null} */ #retry = null; // the server's reconnection time, as told
  #learned = 0; // the same, as watched: at most so long
  /** @type {number | null} */ #nextRetryAt = null;
  /** @type {string | null} */ #resume = null; // null: leave the URL's own id alone
  /** @type {any} */ #timer;
  #clock = 0;
  /** @type {Map<string, Status>} */ #statuses = new Map();

  /** @type {any} */ #value;
  /** @type {string | null} */ #raw = null;
  /** @type {number | null} */ #updatedAt = null;
  #lastEventId = '';
  /** @type {Status | null} */ #status = null;
  /** @type {Problem | null} */ #error = null;

  /**
   * @param {string | URL} url of the stream; a query it already has is kept
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = String(url);
    this.#options = withDefaults(options);
    this.#names = options.events ?? streamNames(this.#url);
    this.#documents = wantsDeltas(this.#url) ? new Documents() : null;
    this.#armed = options.silence !== undefined;
    this.#connect();
    for (const type of PAGE_EVENTS) this.#options.page.addEventListener(type, this.#onPage);
  }

  /** The URL as given. */
  get url() { return this.#url; }
  /** The connection's state. */
  get state() { return this.#state; }
  /** The newest document; undefined before the first. Kept while disconnected. */
  get value() { return this.#value; }
  /** The newest event's data as the server wrote it, a delta or what did not parse included; null before the first. */
  get raw() { return this.#raw; }
  /** The id of the newest event, from which the stream resumes; empty before the first and after a reset. */
  get lastEventId() { return this.#lastEventId; }
  /** The last thing told of the upstream; null when nothing was, which means that it is live. */
  get status() { return this.#status; }
  /** What is wrong now; null when nothing is. */
  get error() { return this.#error; }
  /** When `value` arrived, milliseconds since 1970 by the client's clock; null before the first. */
  get updatedAt() { return this.#updatedAt; }
  /** When the next try is due, by the client's clock; null when none is, or when only the browser knows. */
  get nextRetryAt() { return this.#nextRetryAt; }

  /**
   * State and status in one word, as people see it: `connecting` is the very beginning only, `reconnecting` all that
   * comes between two connections, and `stale` and `down` what the worst of the upstreams is.
   * @returns {Health}
   */
  get health() {
    switch (this.#state) {
      case 'waiting': return 'reconnecting';
      case 'connecting': return this.#error ? 'reconnecting' : 'connecting';
      case 'stale': return [...this.#statuses.values()].some(status => status.state === 'down') ? 'down' : 'stale';
      default: return this.#state;
    }
  }

  /** Tries again now instead of waiting; also replaces a connection that is open. */
  reconnect() {
    if (this.#state === 'closed') return;
    this.#suspended = false;
    this.#connect();
  }

  /** Ends the stream for good. The event `state` with `closed` comes before close returns, and nothing after it. */
  close() {
    if (this.#state === 'closed') return;
    for (const type of PAGE_EVENTS) this.#options.page.removeEventListener(type, this.#onPage);
    this.#drop();
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

  #connect() {
    this.#drop();
    /** @type {Record<string, string | null>} */
    const params = {};
    if (this.#options.heartbeat) params.heartbeat = 'event';
    if (this.#options.resumeParam && this.#resume !== null) {
      for (const name of ['last_event_id', 'lastEventId']) params[name] = null;
      params[this.#options.resumeParam] = this.#resume || null;
    }
    const { EventSource, withCredentials } = this.#options;
    const source = this.#source = new EventSource(withQuery(this.#url, params), { withCredentials });
    this.#quietSince = this.#read();

    /** @type {(type: string, handle: (event: MessageEvent) => void) => void} */
    const hear = (type, handle) => source.addEventListener(type, event => {
      if (source !== this.#source) return;
      this.#quietSince = this.#read();
      handle(/** @type {MessageEvent} */ (event));
    });
    // A server may name its events `open` and `error`; those carry data, the browser's own do not.
    hear('open', event => 'data' in event || this.#onOpen());
    hear('error', event => 'data' in event || this.#onError(source));
    const names = new Set(['message', ...this.#names]);
    for (const name of names) hear(name, event => 'data' in event && this.#onData(event));
    if (this.#documents) this.#hearForms(names, hear);
    if (!names.has('status')) hear('status', event => this.#onStatus(event));
    if (!names.has('reset')) hear('reset', event => this.#onReset(event));
    if (!names.has('hb')) hear('hb', event => this.#onHeartbeat(event));

    this.#setState('connecting');
    this.#wait();
  }

  /**
   * Snapshots and deltas are named as such; with several streams on the connection, the stream's name follows.
   * @param {Set<string>} taken names that the option `events` lists
   * @param {(type: string, handle: (event: MessageEvent) => void) => void} hear
   */
  #hearForms(taken, hear) {
    for (const stream of ['', ...this.#names]) {
      for (const form of FORMS) {
        const name = stream ? `${form}:${stream}` : form;
        if (!taken.has(name)) hear(name, event => 'data' in event && this.#onForm(form, stream || 'message', event));
      }
    }
  }

  /** Lets go of the source and the timer. */
  #drop() {
    this.#options.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#source?.close();
    this.#source = null;
    this.#opened = false;
    this.#droppedAt = null;
    this.#nextRetryAt = null;
  }

  #onOpen() {
    this.#learn();
    this.#opened = true;
    this.#failures = this.#misfits;
    this.#nextRetryAt = null;
    // On a new connection, no status means live.
    this.#statuses.clear();
    this.#status = null;
    this.#error = null;
    this.#setState('live');
  }

  /** @param {EventSource} source */
  #onError(source) {
    const now = this.#quietSince;
    if (source.readyState === CLOSED) {
      this.#learn();
      return this.#lose('refused', 'The server did not answer with an event stream.');
    }
    if (!this.#opened) {
      this.#learn();
      return this.#lose('unreachable', 'The server could not be reached.');
    }
    this.#opened = false;
    this.#droppedAt = now;
    this.#nextRetryAt = this.#retry === null ? null : now + this.#retry;
    this.#fail({ kind: 'dropped', message: 'The connection was lost.', at: now });
  }

  /** The browser has ended its own wait: it was no shorter than the server's reconnection time. */
  #learn() {
    if (this.#droppedAt !== null) this.#learned = Math.min(this.#quietSince - this.#droppedAt, PATIENCE);
    this.#droppedAt = null;
  }

  /**
   * Gives the connection up and plans the next.
   * @param {Problem['kind']} kind
   * @param {string} message
   * @param {boolean} [soon] whether to come back without the server's reconnection time
   */
  #lose(kind, message, soon = false) {
    this.#drop();
    const now = this.#read();
    const { backoffBase, backoffCap, random } = this.#options;
    const floor = soon ? 0 : this.#retry ?? this.#learned;
    this.#nextRetryAt = now + floor + random() * backoffBound(this.#failures++, backoffBase, backoffCap);
    this.#wait();
    this.#fail({ kind, message, at: now });
  }

  // What the server says.

  /**
   * @param {Pick<MessageEvent, 'type' | 'data' | 'lastEventId'>} event
   * @param {(raw: string) => any} [read] makes the document of it
   */
  #onData({ type, data: raw, lastEventId }, read = this.#options.parse) {
    this.#lastEventId = this.#resume = lastEventId;
    this.#raw = raw;
    let value;
    try {
      value = read(raw);
    } catch (error) {
      const message = `The server sent a document that cannot be read: ${error instanceof Error ? error.message : error}`;
      return this.#fail({ kind: 'invalid', message, at: this.#quietSince }, { raw, lastEventId, type });
    }
    this.#value = value;
    this.#updatedAt = this.#quietSince;
    this.#error = null;
    this.#emit('value', { value, raw, lastEventId, type });
  }

  /**
   * @param {Form} form
   * @param {string} type what the event of a whole document would be called
   * @param {MessageEvent} event
   */
  #onForm(form, type, { data, lastEventId }) {
    const documents = /** @type {Documents} */ (this.#documents);
    const { parse } = this.#options;
    /** @type {(document: any) => any} */
    const shape = document => (parse === JSON.parse ? document : parse(JSON.stringify(document)));
    if (form === 'snapshot') {
      return this.#onData({ type, data, lastEventId }, raw => shape(documents.take(form, type, lastEventId, raw)));
    }
    let document;
    try {
      document = documents.take(form, type, lastEventId, data);
    } catch (error) {
      return this.#onMisfit(data, /** @type {Error} */ (error));
    }
    this.#failures = this.#misfits = 0;
    this.#onData({ type, data, lastEventId }, () => shape(document));
  }

  /**
   * Comes back without an id, for only a whole document helps. As long as no delta fits, the waits grow.
   * @param {string} raw
   * @param {Error} error
   */
  #onMisfit(raw, error) {
    this.#raw = raw;
    this.#lastEventId = this.#resume = '';
    this.#misfits++;
    this.#lose('delta', `The server sent a delta that does not fit: ${error.message}`);
    this.#emit('reset', { reason: 'delta' });
  }

  /** @param {MessageEvent} event */
  #onStatus(event) {
    const status = /** @type {Status | null} */ (json(event.data));
    if (!status || !['live', 'stale', 'down'].includes(status.state)) return;
    this.#status = status;
    this.#statuses.set(String(status.stream), status);
    this.#setState([...this.#statuses.values()].every(({ state }) => state === 'live') ? 'live' : 'stale');
    this.#emit('status', status);
  }

  /** @param {MessageEvent} event */
  #onReset(event) {
    this.#lastEventId = this.#resume = '';
    this.#emit('reset', { reason: String(json(event.data)?.reason ?? '') });
  }

  /** @param {MessageEvent} event */
  #onHeartbeat(event) {
    const retry = json(event.data)?.retry;
    if (typeof retry === 'number' && retry >= 0 && Number.isFinite(retry)) this.#retry = retry;
    if (this.#armed) return;
    this.#armed = true;
    this.#wait();
  }

  // Time.

  /** Reads the clock. When it was set back, what was noted by it moves along, so that no wait grows. */
  #read() {
    const now = this.#options.now();
    const back = this.#clock - now;
    this.#clock = now;
    if (back > 0) {
      this.#quietSince -= back;
      if (this.#droppedAt !== null) this.#droppedAt -= back;
      if (this.#nextRetryAt !== null) this.#nextRetryAt -= back;
    }
    return now;
  }

  /** When the clock next asks for something to be done; Infinity when it does not. */
  #due() {
    if (!this.#source) return this.#nextRetryAt ?? Infinity;
    const { silence } = this.#options;
    if (!this.#armed || silence === 0) return Infinity;
    if (this.#droppedAt === null) return this.#quietSince + silence;
    return (this.#nextRetryAt ?? this.#droppedAt + PATIENCE) + silence;
  }

  #wait() {
    this.#options.clearTimeout(this.#timer);
    this.#timer = undefined;
    const due = this.#due();
    if (due === Infinity) return;
    const ms = Math.min(Math.max(due - this.#read(), 0), TICK);
    this.#timer = this.#options.setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, ms);
  }

  /** Does what is due, if anything. */
  #look() {
    const late = this.#read() - this.#due();
    if (!(late >= 0)) return this.#wait();
    if (!this.#source) return this.#connect();
    // Very late means that the timers stood still: this machine slept, the server did nothing wrong.
    const slept = late > 2 * TICK;
    this.#lose('silent', `Nothing was heard for ${Math.round(this.#options.silence / 1000)} s.`, slept);
  }

  // The page.

  /** @param {Event} event */
  #onPage = ({ type }) => {
    if (type === 'pagehide') {
      // An open connection keeps a page out of the back/forward cache, and does not survive in it.
      this.#suspended = true;
      this.#drop();
      this.#setState('waiting');
    } else if (type === 'pageshow') {
      if (this.#suspended) this.reconnect();
    } else if (type === 'online') {
      if (this.#state === 'waiting' && !this.#suspended) this.reconnect();
    } else {
      // A hidden tab's timers run late.
      this.#look();
    }
  };

  // Telling.

  /** @param {State} state */
  #setState(state) {
    const previous = this.#state;
    if (previous === state) return;
    this.#state = state;
    super.dispatchEvent(new CustomEvent('state', { detail: { state, previous } }));
  }

  /**
   * @param {Problem} problem
   * @param {object} [more]
   */
  #fail(problem, more) {
    this.#error = problem;
    if (problem.kind !== 'invalid') this.#setState('waiting');
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

const CLOSED = 2; // EventSource.CLOSED, which need not exist where this module is imported
const PAGE_EVENTS = ['online', 'pagehide', 'pageshow', 'visibilitychange'];

/**
 * @param {string} text
 * @returns {any} the JSON in the text; null when there is none
 */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
