/**
 * React bindings for Pollux streams: the hook `usePollux`, and `SseExample`, a component to copy and change. They need
 * React 18 or later from your bundler or import map. There is no JSX, so nothing has to be compiled.
 *
 *     import { usePollux } from '/client/react.js';
 *
 *     function Price() {
 *       const { value, status } = usePollux('/api/sse');
 *       return createElement('p', null, value ? value.value : status);
 *     }
 *
 * All components with the same URL and options share one connection. It opens when the first one mounts and closes one
 * macrotask after the last one has unmounted, so that neither StrictMode nor a change of page opens it twice. Components
 * with different keys of keyed streams (`?stream=prices/BTC` and `?stream=prices/ETH`) share one connection too: it is
 * replaced when keys come, and when they have been gone for 5 s. If the server does not have one of the keys, the status of
 * its components is `down`, with an `error` of the kind `removed`, and the others go on. A key that has no other key beside
 * it is `reconnecting`, with an `error` of the kind `refused`, like any URL that the server refuses.
 *
 * With the option `tabs`, components of all tabs of the browser share one connection, see `tabs.js`, which is loaded then.
 * It is not the default: each document is copied into each tab, and components with different keys have a connection each.
 *
 * With the option `token`, a text or a function, streams are read that need one. The function need not be memoised: a new
 * one in each render does not reconnect, and the newest one is called before each try. All components with the same URL
 * share what it returns. Where another user signs in, the page changes the URL, or gives the token as a text, which is
 * compared.
 *
 * This module is safe to import and to render on a server: there the status is `connecting`, and nothing connects.
 */

'use client';

import { createElement as h, useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import * as ages from './ages.js';
import { modules } from './ondemand.js';
import { asking, contentOf } from './options.js';
import { EventStream } from './pollux.js';
import { SharedStreams, canShare } from './shared.js';
import { WORDS, causeOf, meaningOf, reasonOf } from './words.js';

/** @import { SharedView } from './sharedview.js' */
/** @import { TabStream } from './tabs.js' */
/** @import { HookOptions, Problem, State } from './types.js' */

/**
 * The data of a stream for a component. It is immutable: each change gives a new object.
 * @template [T=any]
 * @typedef {object} Snapshot
 * @property {T | undefined} value the newest document, or what `select` makes of it; `initial` before the first, or else
 *   undefined; kept while reconnecting
 * @property {State} status the state of the stream; `closed` without a URL
 * @property {string | null} reason why the status is `stale` or `down`, or why the server has ended the connection, as the
 *   server says it: a class such as `timeout`, `http_503` or `overloaded`, for which `reasonOf` of words.js has a sentence;
 *   null if there is none
 * @property {Problem | null} error the current problem, with `error.message` to show; null if there is none
 * @property {string} lastEventId the id of the event that brought `value`; empty before the first
 * @property {number | null} updatedAt when `value` arrived, milliseconds since 1970 by the browser's clock; null before
 *   the first
 * @property {number | null} madeAt when the newest document was made, milliseconds since 1970 by the server's clock; null
 *   while that is not known
 * @property {(stream?: string) => number | null} age how long ago that was, in milliseconds; null while it is not known.
 *   Call it in each render; the passing of time does not cause one
 */

/**
 * The options of `usePollux`, beside those of a stream.
 * @template [T=any]
 * @template [S=T]
 * @typedef {object} ViewOptions
 * @property {(document: T) => S} [select] makes what the component needs of a document. The component renders again only
 *   if that has another content, or the status, its reason or the error changes. It need not be memoised
 * @property {(document: T) => void} [onDocument] is called for each document that comes, even if the next one comes before
 *   the component renders. It need not be memoised
 * @property {boolean} [tabs] whether all tabs share one connection; default false
 * @property {S} [initial] the value before the first document, also on a server
 */

/** @typedef {HookOptions & Pick<ViewOptions, 'onDocument' | 'tabs'>} Current what a component has as options by now */

/** @type {Snapshot} */
const CONNECTING = Object.freeze({
  value: undefined, status: 'connecting', reason: null, error: null, lastEventId: '', updatedAt: null, madeAt: null, age: () => null,
});
/** @type {Snapshot} */
const CLOSED = Object.freeze({ ...CONNECTING, status: 'closed' });

modules.ages = ages; // so that a snapshot has the age from the first heartbeat on

const EVENTS = /** @type {const} */ (['state', 'value', 'status', 'reset', 'problem', 'time']);

const shared = new SharedStreams();

/** A stream, and the components that use it. */
class Store {
  /** @type {Snapshot} */ snapshot = CONNECTING;
  /** The components, and what each has as options by now. @type {Map<() => void, {current: Current}>} */
  #users = new Map();
  /** @type {Snapshot['age']} */ #age = stream => this.#stream?.age(stream) ?? null;
  #due = false; // the components will be told in the next frame
  #ended = false;
  /** Undefined while its module is being loaded. @type {EventStream | SharedView | TabStream | undefined} */ #stream;

  /**
   * @param {string} url
   * @param {HookOptions & {tabs?: boolean}} options
   */
  constructor(url, { tabs, ...options }) {
    const own = { ...options, ...asking(options, name => [...this.#users.values()][0]?.current[name]) };
    if (tabs) void this.#join(url, own);
    else this.#hear(canShare(url, own) ? shared.open(url, own) : new EventStream(url, own));
  }

  /**
   * Takes part in the stream of all tabs.
   * @param {string} url
   * @param {HookOptions} options
   */
  async #join(url, options) {
    const tabs = await import('./tabs.js').catch(() => null);
    if (!this.#ended) this.#hear(tabs ? new tabs.TabStream(url, options) : new EventStream(url, options));
  }

  /** @param {EventStream | SharedView | TabStream} stream */
  #hear(stream) {
    this.#stream = stream;
    for (const type of EVENTS) stream.addEventListener(type, this.#update);
    stream.addEventListener('value', ({ detail }) => {
      for (const { current } of this.#users.values()) current.onDocument?.(detail.value);
    });
    if (stream.state !== 'connecting') this.#update(); // a shared connection may be open already
  }

  /**
   * @param {() => void} listener
   * @param {{current: Current}} options
   */
  add(listener, options) {
    this.#users.set(listener, options);
  }

  /**
   * @param {() => void} listener
   * @param {() => void} ended called after the stream was closed because no component is left
   */
  remove(listener, ended) {
    this.#users.delete(listener);
    setTimeout(() => {
      if (this.#users.size > 0 || this.#ended) return;
      this.#ended = true;
      this.#stream?.close();
      ended();
    });
  }

  #update = () => {
    if (!this.#stream) return;
    const { value, state, error, lastEventId, updatedAt } = this.#stream;
    const reason = causeOf(state, error, this.#stream.status);
    const next = { value, status: state, reason, error, lastEventId, updatedAt, madeAt: this.#stream.madeAt(), age: this.#age };
    if (Object.entries(this.snapshot).every(([name, old]) => Object.is(old, /** @type {any} */ (next)[name]))) return;
    this.snapshot = Object.freeze(next);
    if (this.#due) return;
    this.#due = true;
    // A hidden page has no frames.
    if (document.hidden) setTimeout(this.#tell);
    else requestAnimationFrame(this.#tell);
  };

  #tell = () => {
    this.#due = false;
    for (const listener of this.#users.keys()) listener();
  };
}

/** @type {Map<string, Store>} */
const stores = new Map();

/**
 * usePollux returns the data of a stream. The component renders again at each change, and at most once in a frame.
 * @template [T=any]
 * @template [S=T]
 * @param {string | null | undefined} url of the stream; without one there is no connection, and the status is `closed`
 * @param {HookOptions & ViewOptions<T, S>} [options] Those of the stream are compared by content and need not be memoised.
 *   Functions are not compared: the newest one of a component that uses the connection is called
 * @returns {Snapshot<S>}
 */
export function usePollux(url, { select, initial, onDocument, ...options } = {}) {
  const key = url ? contentOf(url, options) : '';
  const newest = useRef(/** @type {Current} */ (options));
  useEffect(() => { newest.current = { ...options, onDocument }; });
  const subscribe = useCallback((/** @type {() => void} */ listener) => {
    if (!url) return () => {};
    const store = stores.get(key) ?? new Store(url, options);
    stores.set(key, store);
    store.add(listener, newest);
    return () => store.remove(listener, () => stores.delete(key));
  }, [key]);
  /** What the component has shown last. @type {{current: Snapshot | null}} */
  const shown = useRef(null);
  const before = useMemo(() => Object.freeze({ ...(key ? CONNECTING : CLOSED), value: initial }), [key]);
  // The store is created by the subscription, because a component that renders but never mounts must leave nothing open.
  const read = () => {
    const all = stores.get(key)?.snapshot;
    if (!all || all.updatedAt === null && all.status === 'connecting') return before;
    const value = all.updatedAt === null ? initial : select ? select(all.value) : all.value;
    return shown.current = view(all, value, shown.current, Boolean(select));
  };
  return useSyncExternalStore(subscribe, read, () => before);
}

/**
 * view is the snapshot for one component: the one that it has, if that says the same.
 * @param {Snapshot} all
 * @param {any} value
 * @param {Snapshot | null} old
 * @param {boolean} selects whether only the value, the status with its reason, and the error count
 */
function view(all, value, old, selects) {
  if (Object.is(value, all.value) && !selects) return all;
  if (old && old.status === all.status && old.reason === all.reason && old.error === all.error && isSame(old.value, value) &&
    (selects || old.updatedAt === all.updatedAt && old.madeAt === all.madeAt)) return old;
  return Object.freeze({ ...all, value: old && isSame(old.value, value) ? old.value : value });
}

/**
 * isSame reports whether two parts of documents have the same content.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
function isSame(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every(name => Object.hasOwn(b, name) && isSame(a[name], b[name]));
}

const KEPT = 10; // updates on show

/**
 * SseExample connects to a stream of Server-Sent Events, shows its state and problems, reconnects by itself, and
 * displays each update as it arrives, newest first. Copy it and change it.
 * @param {{url?: string, options?: HookOptions}} props `url` of the stream, by default the default stream of Pollux
 */
export function SseExample({ url = '/api/sse', options }) {
  const list = useRef({ url, updates: /** @type {{key: number, value: any}[]} */ ([]) });
  const { value, status, reason, error, updatedAt } = usePollux(url, { ...options, onDocument: value => {
    const old = list.current.url === url ? list.current.updates : [];
    list.current = { url, updates: [{ key: (old[0]?.key ?? 0) + 1, value }, ...old].slice(0, KEPT) };
  } });
  // A component that comes late has the newest one only.
  if (list.current.url !== url || list.current.updates.length === 0) list.current = { url, updates: updatedAt === null ? [] : [{ key: 0, value }] };
  const { updates } = list.current;
  return h('section', { className: 'sse-example', 'data-status': status, 'aria-label': 'Live updates' },
    h('p', { role: 'status' }, status === 'live' ? WORDS.live : `${WORDS[status]}: ${meaningOf(status, error, reason)}`),
    error && h('p', { role: 'alert' }, error.kind === 'dropped' && reason ? `${reasonOf(reason)}.` : error.message),
    updates.length === 0
      ? h('p', null, 'Waiting for the first update…')
      : h('ul', null, updates.map(update => h(Update, { key: update.key, value: update.value }))));
}

/**
 * Update is one line of the list. The mock of Pollux sends `{timestamp, value, message}`; anything else is shown as JSON.
 * @param {{value: any}} props
 */
function Update({ value }) {
  if (typeof value?.message !== 'string' || typeof value.timestamp !== 'string') {
    return h('li', null, h('code', null, JSON.stringify(value)));
  }
  return h('li', null,
    h('time', { dateTime: value.timestamp }, new Date(value.timestamp).toLocaleTimeString()), ' ',
    h('strong', null, String(value.value)), ' ', value.message);
}
