/** The connection of a stream, again and again. */

import { Backoff } from './backoff.js';
import { Clock } from './clock.js';
import { Connection } from './connection.js';
import { Page } from './page.js';
import { Position } from './position.js';
import { connectionUrl, resumes, withQuery } from './query.js';

/** @import { Turn } from './connection.js' */
/** @import { Failure } from './fetchsource.js' */
/** @import { Names } from './names.js' */
/** @import { Settings } from './options.js' */
/** @import { Heartbeat } from './signals.js' */
/** @import { Problem } from './types.js' */

const PATIENCE = 300_000; // longest wait of a browser for the `retry:` of the server, which we cannot read
const PACE = 100; // least time between connections of setStreams, so that a page that adds streams one by one makes few
const LASTING = 300_000; // longest wait after a refusal that will last
const SPREAD = 1000; // within which a connection whose token has expired is replaced
const APART = 10_000; // least time between two connections that each replace one whose token has expired
const GRACE = 2000; // how long a connection that replaces another one may take to open, and to end its replay
const DROPPED = 'The connection was lost.';

/**
 * Hears the events of a connection that have one name.
 * @callback Hear
 * @param {string} name
 * @param {(event: MessageEvent) => void} handle
 * @param {string} [stream] whose documents they bring
 */

/**
 * What a Link tells its owner. Each method may call `close`.
 * @typedef {object} Owner
 * @property {(hear: Hear, renamed: boolean) => void} listen a connection begins, and this is the time to say which events
 *   to hear. `renamed`: it has other streams than the last one
 * @property {() => void} begin it does not replace an open one
 * @property {(kept: boolean) => void} open it was opened. `kept`: it replaces one that was open, and the server will tell
 *   the end of its replay
 * @property {() => void} late one that replaces an open one takes so long that there is no connection now
 * @property {(problem: Omit<Problem, 'at'> | null) => void} lost there is no connection, and no try under
 *   way; null if the page has closed it
 */

/**
 * Link has one connection at a time, and makes the next one whatever ends it, until `close`. It knows when: after which
 * wait, because of silence, because the streams have changed, because a token has expired, because the page has come back. The comment of pollux.js says
 * more.
 */
export class Link {
  #url;
  #options;
  #names;
  #owner;
  #clock;
  #backoff;
  #page;
  #position = new Position();
  /** @type {Connection | null} */ #connection = null;
  #beganAt = 0; // when it began to open, or was opened; by the clock
  #replayed = false; // it has sent all that it replays
  #single = false; // its URL is for one request, because it names fresh streams
  #renewing = false; // it replaces an open one, and is not open yet
  #expired = false; // the server has said that it ends with its token
  #expiredAt = -Infinity; // when the last one did, and was replaced at once
  #up = false; // it is open, or replaces an open one and is not late, or will replace one that has expired
  #waiting = false; // until the next try
  #armed; // the watchdog may act
  /** @type {string} */ #lostBy = ''; // the last problem
  /** @type {number | null} */ #retryAt = null; // by the clock

  /**
   * Does nothing before `connect`.
   * @param {string} url
   * @param {Settings} options
   * @param {boolean} armed whether the watchdog may act before the server has shown a heartbeat
   * @param {Names} names
   * @param {Owner} owner
   */
  constructor(url, options, armed, names, owner) {
    this.#url = url;
    this.#options = options;
    this.#armed = armed;
    this.#names = names;
    this.#owner = owner;
    this.#clock = new Clock(options, () => this.#due(), slept => this.#ring(slept));
    this.#backoff = new Backoff(options);
    this.#page = new Page(options.page, {
      hide: () => {
        this.#drop();
        this.#lost(null);
      },
      show: () => this.connect(),
      online: () => { if (this.#waiting) this.connect(); },
      look: () => this.#clock.look(),
    });
  }

  /** Whether it waits until it tries again; false while a try is under way. */
  get waiting() { return this.#waiting; }
  /** When the next try is due, by the client's clock; null if there is none, or if only the browser knows. */
  get nextRetryAt() { return this.#retryAt === null ? null : this.#clock.wall(this.#retryAt); }
  /** The ID after which it resumes; null if none is known. */
  get position() { return this.#position.id; }
  /** The client's time of what is being handled, milliseconds since 1970. */
  get stamp() { return this.#clock.stamp; }

  /**
   * Connects now. It throws SyntaxError for an invalid URL.
   * @param {boolean} [renews] whether it replaces a connection only because the streams change, or its token
   */
  connect(renews = false) {
    this.#page.wake();
    this.#drop();
    this.#expired = false;
    const { changed } = this.#names;
    const connection = this.#connection = new Connection(this.#nextUrl(), this.#options, this.#clock);
    this.#position.begin();
    this.#beganAt = this.#clock.now();
    this.#replayed = false;
    this.#renewing = renews && this.#up;
    this.#waiting = false;
    connection.watch((turn, waited, failure) => this.#onTurn(turn, waited, failure));
    this.#owner.listen((name, handle, stream = '') => connection.hear(name, event => {
      if (this.#names.take(stream)) this.#position.pass(event.lastEventId);
      else this.#position.hear(event.lastEventId);
      handle(event);
    }), changed);
    if (!renews) {
      this.#up = false;
      this.#owner.begin();
    }
    this.#clock.wait();
  }

  /** Ends it for good. */
  close() {
    this.#page.leave();
    this.#drop();
    this.#waiting = false;
  }

  /** The names of the next connection were chosen. */
  rename() {
    const { changed, current } = this.#names;
    // The server may have refused because of one stream: it does not have it, or the token does not allow it. If the old
    // streams were open, it has them.
    const refused = this.#lostBy === 'forbidden' || this.#lostBy === 'refused' && !current.some(name => this.#names.has(name));
    if (!this.#connection && this.#retryAt !== null && changed && refused) {
      this.#retryAt = Math.min(this.#retryAt, this.#beganAt + GRACE);
      this.#clock.wait();
    } else if (this.#connection) this.#clock.wait();
  }

  /**
   * A heartbeat came.
   * @param {Heartbeat} heartbeat
   */
  beat({ retry }) {
    const armed = this.#armed;
    this.#armed = true;
    if (retry !== null) this.#backoff.tell(retry);
    else {
      this.#replayed = true;
      this.#names.settle();
    }
    if (!armed || this.#names.changed) this.#clock.wait();
  }

  /**
   * The server ends the connection, because its token has expired.
   * @returns {boolean} whether the next connection can show another token
   */
  expire() {
    this.#expired = Boolean(this.#options.token ?? this.#options.ticket);
    return this.#expired;
  }

  /** A delta fitted. */
  fit() { this.#backoff.fitted(); }

  /**
   * A delta did not fit. The next connection begins anew, to get a whole document. The waits grow until a delta fits.
   * @param {string} message
   */
  misfit(message) {
    this.#position.forget();
    this.#backoff.misfitted();
    this.#lose('delta', message);
  }

  /** The URL of the next connection, with the streams that it has from now on. */
  #nextUrl() {
    this.#names.begin();
    if (this.#names.fresh === this.#names.current.length) this.#position.forget(); // there is nothing to resume
    const url = connectionUrl(this.#url, this.#options, this.#position.id);
    const query = this.#names.query(resumes(url, this.#options));
    this.#single = Boolean(query.fresh);
    return withQuery(url, query);
  }

  /** Closes the connection and stops the timer. */
  #drop() {
    this.#clock.stop();
    const { retry = null, lastEventId = null } = this.#connection ?? {};
    if (retry !== null) this.#backoff.tell(retry);
    if (lastEventId) this.#position.hear(lastEventId);
    this.#connection?.close();
    this.#connection = null;
    this.#renewing = false;
    this.#retryAt = null;
  }

  /**
   * @param {Turn} turn
   * @param {number | null} waited
   * @param {Failure | null} failure
   */
  #onTurn(turn, waited, failure) {
    if (waited !== null) this.#backoff.watch(Math.min(waited, PATIENCE));
    if (failure) return this.#onFailed(failure);
    switch (turn) {
      case 'sent': return this.#clock.wait(); // the watchdog may act now
      case 'open': return this.#onOpen();
      case 'dropped': return this.#onDropped();
      case 'ended': return this.#onEnded();
      case 'unreachable': return this.#lose(turn, 'The server could not be reached.');
      case 'refused': return this.#lose(turn, 'The server did not answer with an event stream.');
    }
  }

  #onOpen() {
    const kept = this.#renewing && this.#backoff.told !== null;
    this.#waiting = this.#renewing = this.#replayed = false;
    this.#up = true;
    this.#retryAt = null;
    this.#beganAt = this.#clock.now();
    this.#backoff.opened();
    this.#clock.wait(); // the watchdog is due sooner than while the browser waits
    this.#owner.open(kept);
  }

  #onDropped() {
    if (this.#single || this.#names.fresh > 0) return this.#lose('dropped', DROPPED);
    const { told } = this.#backoff;
    this.#retryAt = told === null ? null : this.#clock.now() + told;
    this.#lost({ kind: 'dropped', message: DROPPED });
  }

  /**
   * A connection whose token has expired is replaced soon, but not again and again. Many tokens can expire at the same
   * moment, so the moment of the next connection is random.
   */
  #onEnded() {
    const now = this.#clock.now();
    if (!this.#expired) return this.#lose('dropped', DROPPED);
    if (now - this.#expiredAt < APART) return this.#lose('unauthorized', 'The token has expired.');
    this.#drop();
    this.#expiredAt = now;
    this.#retryAt = now + this.#options.random() * SPREAD;
    this.#waiting = true;
    this.#clock.wait();
  }

  /** @param {Failure} failure */
  #onFailed({ kind, message, status, least, lasting }) {
    const { random } = this.#options;
    this.#lose(kind, message, { least: lasting ? LASTING * (1 + random()) / 2 : least, ...(status && { status }) });
  }

  /**
   * Closes the connection and schedules the next one.
   * @param {Problem['kind']} kind
   * @param {string} message
   * @param {{soon?: boolean, least?: number, status?: number}} [more] `soon`: whether to leave out the server's
   *   reconnection time; `least`: the least wait, in milliseconds; `status`: of the server's answer
   */
  #lose(kind, message, { soon = false, least = 0, ...problem } = {}) {
    this.#drop();
    this.#retryAt = this.#clock.now() + this.#backoff.next(soon, least);
    this.#clock.wait();
    this.#lost({ kind, message, ...problem });
  }

  /** @param {Omit<Problem, 'at'> | null} problem */
  #lost(problem) {
    this.#waiting = true;
    this.#up = false;
    this.#lostBy = problem?.kind ?? this.#lostBy;
    this.#owner.lost(problem);
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
    if (!this.#connection?.sent || !this.#armed || silence === 0) return Infinity;
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
    if (!this.#connection) return this.connect(this.#up);
    const now = this.#clock.now();
    if (now >= this.#lateAt()) {
      this.#renewing = this.#up = false;
      this.#owner.late();
    }
    if (now >= this.#renewAt()) return this.connect(true);
    if (now < this.#silentAt()) return this.#clock.wait();
    this.#lose('silent', `Nothing was heard for ${Math.round(this.#options.silence / 1000)} s.`, { soon: slept });
  }
}
