/**
 * A stream that all tabs of a browser share. Browsers open at most six connections of HTTP/1.1 to a server, for all tabs
 * together, and each EventStream takes one of them for good.
 *
 *     const stream = new TabStream('/api/sse');
 *     stream.addEventListener('value', () => console.log(stream.value));
 *
 * Tabs with the same URL and options share one connection. It is in a SharedWorker. Where there is none (Chrome on Android,
 * and pages whose policy forbids it), it is in one of the tabs, which holds a lock of the browser. When that tab is closed,
 * another one gets the lock and continues after the last ID that it has heard, so no event is lost; with deltas, which have
 * no document to continue from, it begins with the newest document. Without locks (a page that is not secure) each tab has
 * a connection of its own.
 *
 * A tab that crashes stays among those that want a stream of the worker, until the last tab of the site is closed.
 */

import { contentOf, withDefaults } from './options.js';
import { queryOf } from './query.js';
import { StreamTarget } from './target.js';
import { Host } from './tabhost.js';

/** @import { Facts, Message, Newest, Wanted } from './tabhost.js' */
/** @import { HookOptions, Problem, State, Status, StreamEvents } from './types.js' */

const KNOWN = 256; // IDs of documents that a tab remembers, because a new host may begin before what the tab has heard

/** @typedef {'worker' | 'lock' | 'alone'} Place where the connection is: in a worker, in a tab, or in each tab */

/**
 * TabStream has what an EventStream has, but for `setStreams`. Its constructor throws what that of EventStream throws.
 * @template [T=any]
 * @extends {StreamTarget<T>}
 */
export class TabStream extends StreamTarget {
  #url;
  #options;
  #name;
  #channel;
  /** @type {Facts} */ #facts = {
    state: 'connecting', waiting: false, streams: [], position: '', status: null, error: null, nextRetryAt: null, serverNow: null, times: {},
  };
  /** @type {Newest} */ #newest = { value: undefined, raw: null, lastEventId: '', updatedAt: null };
  #heardAt = 0; // when the facts came, by the clock that nobody can set
  /** @type {Set<string>} */ #known = new Set();
  /** @type {MessagePort | undefined} */ #port;
  /** @type {Host | undefined} */ #host; // if this tab is the one with the connection
  #end = new AbortController();

  /**
   * @param {string | URL} url
   * @param {HookOptions & {places?: Place[]}} [options] `places` to try, in this order; default: all
   */
  constructor(url, { places = ['worker', 'lock', 'alone'], ...options } = {}) {
    super();
    withDefaults(options);
    queryOf(String(url));
    this.#url = new URL(url, document.baseURI).href; // a worker has another base
    this.#options = options;
    const functions = Object.entries(options).filter(([, value]) => typeof value === 'function').map(([name]) => name);
    this.#name = `pollux ${contentOf(this.#url, options)} ${functions}${places.includes('alone') && places.length === 1 ? crypto.randomUUID() : ''}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    addEventListener('pagehide', () => this.#leave(), { signal: this.#end.signal });
    addEventListener('pageshow', ({ persisted }) => { if (persisted) this.#join(places); }, { signal: this.#end.signal });
    this.#join(places);
  }

  get url() { return this.#url; }
  get streams() { return this.#facts.streams; }
  /** @returns {State} */
  get state() { return this.#facts.state; }
  get waiting() { return this.#facts.waiting; }
  /** @returns {T | undefined} */
  get value() { return this.#newest.value; }
  get raw() { return this.#newest.raw; }
  get lastEventId() { return this.#newest.lastEventId; }
  get position() { return this.#facts.position; }
  /** @returns {Status | null} */
  get status() { return this.#facts.status; }
  /** @returns {Problem | null} */
  get error() { return this.#facts.error; }
  get updatedAt() { return this.#newest.updatedAt; }
  get nextRetryAt() { return this.#facts.nextRetryAt; }
  get serverNow() { return this.#after(this.#facts.serverNow); }

  /** As `EventStream.age`. @param {string} [stream] */
  age(stream = '') { return this.#after(this.#facts.times[stream]?.[0] ?? null); }

  /** As `EventStream.madeAt`. @param {string} [stream] */
  madeAt(stream = '') { return this.#facts.times[stream]?.[1] ?? null; }

  /** Connects now instead of waiting, for all tabs. */
  reconnect() { this.#post({ reconnect: true }); }

  /** Ends the stream of this tab for good. The event `state` with `closed` comes before close returns. */
  close() {
    if (this.state === 'closed') return;
    this.#leave();
    this.#end.abort();
    this.#channel.close();
    this.#take({ ...this.#facts, state: 'closed', waiting: false, nextRetryAt: null });
  }

  /** @param {Place[]} places */
  #join([place, ...others]) {
    if (place === 'worker' && 'SharedWorker' in globalThis) {
      try {
        // A bundler finds the worker by this expression.
        const worker = new SharedWorker(new URL('./tabworker.js', import.meta.url), { type: 'module', name: 'pollux' });
        const { port } = worker;
        this.#port = port;
        worker.onerror = () => { // its script cannot be loaded
          if (this.#port !== port) return;
          this.#port = undefined;
          this.#join(others);
        };
        port.onmessage = () => {
          if (this.#port !== port) return;
          port.postMessage({ name: this.#name, url: this.#url, options: this.#wanted() });
          this.#post({ hello: true });
        };
        return;
      } catch {
        // The page's policy forbids it.
      }
      this.#join(others);
    } else if (place === 'lock' && globalThis.navigator?.locks) {
      this.#post({ hello: true });
      const gone = new AbortController();
      this.#end.signal.addEventListener('abort', () => gone.abort());
      navigator.locks.request(this.#name, { signal: gone.signal }, () => this.#lead()).catch(() => {});
    } else if (place === 'alone') void this.#lead();
    else if (others.length > 0) this.#join(others);
  }

  /** Has the connection, until this tab leaves. */
  #lead() {
    return new Promise(resolve => {
      if (this.state === 'closed') return resolve(undefined);
      this.#host = new Host(this.#name, this.#url, this.#wanted(), this.#facts.position);
      this.#post({ hello: true }); // a channel does not bring what its own object posts, and this object is another one
      this.#resign = () => resolve(undefined);
    });
  }

  #resign = () => {};

  #leave() {
    this.#port?.postMessage({ close: this.#name });
    this.#port = undefined;
    this.#host?.close();
    this.#host = undefined;
    this.#resign();
  }

  /** @returns {Wanted} */
  #wanted() {
    const { token, ticket, headers, ...options } = this.#options;
    return {
      ...options,
      ...(headers && { headers: [...new Headers(headers)] }),
      ...(typeof token === 'string' ? { token } : token ? { pass: 'token' } : ticket ? { pass: 'ticket' } : {}),
    };
  }

  /** @param {Message} message */
  #hear(message) {
    if ('ask' in message) return void this.#answer(message.ask);
    if (!('facts' in message)) return;
    const { facts, event, newest } = message;
    if (newest) {
      const news = newest.updatedAt !== null && !this.#knows(newest.lastEventId);
      if (news) this.#newest = newest;
      this.#take(facts);
      const { value, raw, lastEventId } = newest;
      if (news) this.#tell('value', { value, raw: raw ?? '', lastEventId, type: 'message' });
    } else if (event) {
      const [type, detail] = event;
      if (type === 'value' && this.#knows(detail.lastEventId)) return;
      if (type === 'value') this.#newest = { value: detail.value, raw: detail.raw, lastEventId: detail.lastEventId, updatedAt: Date.now() };
      this.#take(facts);
      if (type !== 'state') this.#tell(type, detail);
    }
  }

  /** Whether a document has come already. @param {string} id */
  #knows(id) {
    if (!id) return false;
    if (this.#known.has(id)) return true;
    this.#known.add(id);
    if (this.#known.size > KNOWN) this.#known.delete([...this.#known][0]);
    return false;
  }

  /** @param {Facts} facts */
  #take(facts) {
    const previous = this.state;
    const again = facts.state === 'connecting' && this.#newest.updatedAt !== null; // a new host goes on
    // Nor does it know a position before its first event; the next host may need the old one.
    this.#facts = { ...facts, state: again ? 'reconnecting' : facts.state, position: facts.position || this.#facts.position };
    this.#heardAt = performance.now();
    if (this.state !== previous) this.#tell('state', { state: this.state, previous });
  }

  /** @param {number} n */
  async #answer(n) {
    const { token, ticket } = this.#options;
    const give = token ?? ticket;
    if (typeof give !== 'function') return;
    const text = await Promise.resolve().then(give).catch(() => null); // the server says what is missing
    if (this.state !== 'closed') this.#post({ pass: n, text });
  }

  /** @param {number | null} time */
  #after(time) { return time === null ? null : Math.round(time + performance.now() - this.#heardAt); }

  /** @param {Message} message */
  #post(message) { this.#channel.postMessage(message); }

  /**
   * @template {keyof StreamEvents<T>} K
   * @param {K} type
   * @param {StreamEvents<T>[K]} detail
   */
  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
