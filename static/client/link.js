/** The connection of a stream, again and again. */

import { backoffWait } from './backoff.js';
import { Clock } from './clock.js';
import { load, modules } from './ondemand.js';
import { watchPage } from './page.js';
import { connectionUrl, withQuery } from './query.js';

/** @import { Failure, Source } from './fetchsource.js' */
/** @import { Names } from './names.js' */
/** @import { Modules } from './ondemand.js' */
/** @import { Settings } from './options.js' */
/** @import { Owner } from './owner.js' */
/** @import { Problem } from './types.js' */

const PATIENCE = 300_000; // longest wait of a browser for the `retry:` of the server, which we cannot read
const SILENCE = 45_000;
const SPREAD = 1000; // within which a connection whose token has expired is replaced
const APART = 10_000; // least time between two connections that each replace one whose token has expired
const GRACE = 2000; // how long a connection that replaces another one may take to open, and to end its replay
const PROOF = 60_000; // how long a connection is open before the waits begin anew
const CLOSED = 2; // EventSource.CLOSED, which need not exist where this module is imported
const UNREACHABLE = 'The server could not be reached.';
const DROPPED = 'The connection was lost.';

/**
 * Link has one connection at a time, and makes the next one whatever ends it, until `close`. It knows when: after which
 * wait, because of silence, because the streams have changed, because a token has expired, because the page has come back.
 * A closed connection is not heard any more. The comment of pollux.js says more.
 */
export class Link {
  #url;
  #options;
  #streams;
  #owner;
  #clock;
  #failures = 0; // since a connection was good
  #watched = 0; // an upper bound of the server's reconnection time, as observed
  /** The reconnection time that the server sent; null if it sent none. @type {number | null} */ #told = null;
  /** The ID after which to resume; empty to begin anew; null if none is known, so that the ID in the URL counts.
   * @type {string | null} */ #id = null;
  #seenId = ''; // the last ID of the connection, which begins without one
  #needs;
  /** @type {Names | undefined} */ #names;
  /** @type {Source | null} */ #source = null;
  #beganAt = 0; // when it began to open, or was opened; by the clock
  #heardAt = 0; // when the last event came, or it began
  /** When the browser began to wait by itself; null if it does not. @type {number | null} */ #droppedAt = null;
  #open = false;
  #renewing = false; // it replaces an open one, and is neither open nor late yet
  #renewedAt = -Infinity; // when the last one whose token had expired was replaced at once
  #waiting = false; // until the next try
  #armed; // the watchdog may act
  /** @type {string} */ #lostBy = ''; // the last problem
  /** @type {number | null} */ #retryAt = null; // by the clock
  #soonestAt = 0; // before when the server does not want the next try, whatever happens to the page

  /**
   * Does nothing before `connect`.
   * @param {string} url
   * @param {Settings} options
   * @param {string[]} streams that the URL tells
   * @param {(keyof Modules | false)[]} needs modules without which there is no connection
   * @param {AbortSignal} signal after which the page is not heard any more
   * @param {Owner} owner
   * @param {Names} [names] for streams that come and go
   */
  constructor(url, options, streams, needs, signal, owner, names) {
    this.#url = url;
    this.#options = options;
    this.#armed = options.silence !== undefined;
    this.#streams = streams;
    this.#needs = needs;
    this.#owner = owner;
    this.#names = names;
    if (names) names.onchange = () => this.#clock.wait();
    this.#clock = new Clock(options, () => this.#due(), slept => this.#ring(slept));
    watchPage(options.page, signal, goes => {
      if (goes) {
        this.#drop();
        this.#waiting = true;
        this.#soonestAt = 0;
        this.#owner.begin();
      } else if (this.#waiting && this.#clock.now() >= this.#soonestAt) this.connect();
      else this.#clock.look();
    });
  }

  /** Whether it waits until it tries again; false while a try is under way. */
  get waiting() { return this.#waiting; }
  /** When the next try is due, by the client's clock; null if there is none, or if only the browser knows. */
  get nextRetryAt() { return this.#retryAt === null ? null : this.#clock.wall(this.#retryAt); }
  /** The ID after which it resumes; null if none is known. */
  get position() { return this.#id; }
  /** The streams of the connection. */
  get streams() { return this.#names?.current ?? this.#streams; }

  /**
   * Connects now. It throws SyntaxError for an invalid URL.
   * @param {boolean} [renews] whether it replaces a connection only because the streams change, or its token
   */
  connect(renews = false) {
    renews &&= this.#open || this.#renewing;
    this.#drop();
    this.#beganAt = this.#heardAt = this.#clock.now();
    this.#renewing = renews;
    this.#waiting = false;
    const missing = this.#needs.find(name => name && !modules[name]);
    if (missing) void this.#load(missing, renews);
    else this.#begin();
    if (!renews) this.#owner.begin();
    this.#clock.wait();
  }

  /** Ends it for good. */
  close() {
    this.#drop();
    this.#waiting = false;
  }

  /** A heartbeat came. @param {number | null} retry the server's reconnection time, in the first one of a connection */
  beat(retry) {
    this.#armed = true;
    if (retry === null) this.#names?.settle();
    else this.#told = retry;
    this.#clock.wait();
  }

  /** The server does not have a stream. @param {string} name */
  miss(name) { this.#names?.miss(name); }

  /** A delta did not fit. The next connection begins anew, to get a whole document. @param {string} message */
  misfit(message) {
    this.#id = '';
    this.#lose('delta', message);
  }

  /** Loads a module, and connects then. @type {(name: keyof Modules, renews: boolean) => Promise<void>} */
  async #load(name, renews) {
    const loading = this.#source = /** @type {any} */ ({ sent: false, close() {} });
    const loaded = await load(name).catch(() => null);
    if (this.#source !== loading) return;
    if (loaded) this.connect(renews);
    else this.#lose('unreachable', UNREACHABLE);
  }

  #begin() {
    if (this.#needs.includes('streams')) this.#names ??= new /** @type {any} */ (modules.streams).Names(this.#streams);
    const changed = this.#names?.changed ?? false;
    /** @type {any} */ const Source = this.#needs.includes('fetch') ? modules.fetch?.FetchSource : this.#options.EventSource;
    /** @type {Source} */ const source = this.#source = new Source(this.#nextUrl(), this.#options, withQuery);
    this.#seenId = '';
    // A server may name its events `open` and `error`. Those have data; the browser's own do not.
    /** @type {(type: string, data: boolean, handle: (event: any) => void) => void} */
    const on = (type, data, handle) => source.addEventListener(type, event => {
      if (this.#source !== source || 'data' in event !== data) return;
      const now = this.#heardAt = this.#clock.now();
      if (this.#open && now >= this.#beganAt + PROOF) this.#failures = 0;
      handle(event);
    });
    for (const type of ['sent', 'open', 'error']) on(type, false, event => this.#turn(source, event));
    for (const [name, [handle, type]] of this.#owner.listen(changed)) {
      on(name, true, event => {
        // An event that may be older than what the other streams have leaves the position where it is.
        this.#hear(event.lastEventId, this.#names?.take(type));
        handle(event);
      });
    }
  }

  /** The URL of the next connection, with the streams that it has from now on. */
  #nextUrl() {
    const names = this.#names;
    names?.begin();
    if (names?.anew) this.#id = '';
    const url = connectionUrl(this.#url, this.#options, this.#id);
    return names ? names.address(url, this.#options, withQuery) : url;
  }

  /**
   * A block with only an `id:` dispatches no event; its ID comes with the next event, of any name.
   * @param {string} id of an event, or the one before it if it has none
   * @param {boolean} [passes] whether it is no position
   */
  #hear(id, passes) {
    if (id !== this.#seenId && !passes) this.#id = id;
    this.#seenId = id;
  }

  /** Closes the connection and stops the timer. */
  #drop() {
    this.#clock.stop();
    const { retry, lastEventId } = this.#source ?? {};
    this.#told = retry ?? this.#told;
    if (lastEventId) this.#hear(lastEventId);
    this.#source?.close();
    this.#source = this.#droppedAt = this.#retryAt = null;
    this.#open = this.#renewing = false;
  }

  /**
   * @param {Source} source
   * @param {{type: string, failure?: Failure | null}} event `failure` is that of a FetchSource: null if it was open
   */
  #turn(source, { type, failure }) {
    if (type === 'sent') return this.#clock.wait(); // the watchdog may act now
    if (this.#droppedAt !== null) this.#watched = Math.min(this.#heardAt - this.#droppedAt, PATIENCE);
    this.#droppedAt = null;
    const wasOpen = this.#open;
    this.#open = type === 'open';
    if (this.#open) this.#onOpen();
    else if (failure) this.#lose(failure.kind, failure.message, failure);
    else if (failure === null) this.#lose('dropped', DROPPED);
    else if (source.readyState === CLOSED) this.#lose('refused', 'The server did not answer with an event stream.');
    else if (!wasOpen) this.#lose('unreachable', UNREACHABLE);
    else if (this.#names?.single) this.#lose('dropped', DROPPED);
    else {
      this.#droppedAt = this.#heardAt;
      this.#retryAt = this.#told === null ? null : this.#heardAt + this.#told;
      this.#lost({ kind: 'dropped', message: DROPPED });
    }
  }

  #onOpen() {
    const kept = this.#renewing && this.#told !== null;
    this.#waiting = this.#renewing = false;
    this.#retryAt = null;
    this.#beganAt = this.#heardAt;
    this.#clock.wait(); // the watchdog is due sooner than while the browser waits
    this.#owner.open(kept, this.#names?.open() ?? false);
  }

  /**
   * Closes the connection and schedules the next one. If its token has expired, that is soon, but not again and again.
   * Many tokens can expire at the same moment, so the moment of the next connection is random.
   * @param {Problem['kind']} kind
   * @param {string} message
   * @param {Partial<Failure> & {soon?: boolean}} [more] `soon`: whether to leave out the server's reconnection time
   */
  #lose(kind, message, { soon = false, least = 0, status, renew = false } = {}) {
    this.#drop();
    const now = this.#clock.now();
    this.#renewing = renew && now - this.#renewedAt >= APART;
    if (this.#renewing) {
      this.#waiting = true;
      this.#renewedAt = now;
      this.#retryAt = now + this.#options.random() * SPREAD;
    } else {
      const floor = soon ? 0 : this.#told ?? this.#watched;
      this.#soonestAt = now + least;
      this.#retryAt = now + backoffWait(this.#failures++, Math.max(floor, least), this.#options);
    }
    this.#clock.wait();
    if (!this.#renewing) this.#lost({ kind, message, status });
  }

  /** @param {Omit<Problem, 'at'>} problem */
  #lost(problem) {
    this.#waiting = true;
    this.#lostBy = problem.kind;
    this.#owner.lost(problem);
  }

  // Time.

  /** When the clock has to ring; Infinity if it has not. */
  #due() {
    if (!this.#source) return this.#retryAt ? Math.min(this.#retryAt, this.#beganAt + (this.#names?.helps(this.#lostBy) ?? Infinity)) : Infinity;
    return Math.min(this.#silentAt(), this.#renewAt(), this.#lateAt());
  }

  /** When the connection has been silent for too long. */
  #silentAt() {
    const { silence = SILENCE } = this.#options;
    if (!this.#armed || !silence || this.#source?.sent === false) return Infinity;
    return (this.#droppedAt === null ? this.#heardAt : this.#retryAt ?? this.#droppedAt + PATIENCE) + silence;
  }

  /** When to replace the connection by one with other streams. A browser that waits by itself is left alone. */
  #renewAt() { return this.#droppedAt === null ? this.#beganAt + (this.#names?.pause ?? Infinity) : Infinity; }

  /** When a connection that replaces an open one is late, so that the state has to say it. */
  #lateAt() { return this.#renewing ? this.#beganAt + GRACE : Infinity; }

  /** @param {boolean} slept whether the machine slept, so that the server was not silent */
  #ring(slept) {
    if (!this.#source) return this.connect(true);
    const now = this.#clock.now();
    if (now >= this.#lateAt()) {
      this.#renewing = false;
      this.#owner.begin(); // which may close it
    }
    if (!this.#source) return;
    if (now >= this.#renewAt()) return this.connect(true);
    if (now < this.#silentAt()) return this.#clock.wait();
    this.#lose('silent', 'Nothing was heard for too long.', { soon: slept });
  }
}
