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
 * With the option `token`, a text or a function, streams are read that need one. The function need not be memoised: a new
 * one in each render does not reconnect, and the newest one is called before each try. All components with the same URL
 * share what it returns. Where another user signs in, the page changes the URL, or gives the token as a text, which is
 * compared.
 *
 * This module is safe to import and to render on a server: there the status is `connecting`, and nothing connects.
 */

'use client';

import { createElement as h, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { asking, contentOf } from './options.js';
import { EventStream } from './pollux.js';
import { SharedStreams, canShare } from './shared.js';
import { WORDS, meaningOf } from './words.js';

/** @import { HookOptions, Problem, State } from './types.js' */

/**
 * The data of a stream for a component. It is immutable: each change gives a new object.
 * @typedef {object} Snapshot
 * @property {any} value the newest document; undefined before the first; kept while reconnecting
 * @property {State} status the state of the stream; `closed` without a URL
 * @property {Problem | null} error the current problem, with `error.message` to show; null if there is none
 * @property {string} lastEventId the id of the event that brought `value`; empty before the first
 * @property {number | null} updatedAt when `value` arrived, milliseconds since 1970 by the browser's clock; null before
 *   the first
 * @property {number | null} madeAt when the newest document was made, milliseconds since 1970 by the server's clock; null
 *   while that is not known
 * @property {(stream?: string) => number | null} age how long ago that was, in milliseconds; null while it is not known.
 *   Call it in each render; the passing of time does not cause one
 */

/** @type {Snapshot} */
const CONNECTING = Object.freeze({
  value: undefined, status: 'connecting', error: null, lastEventId: '', updatedAt: null, madeAt: null, age: () => null,
});
/** @type {Snapshot} */
const CLOSED = Object.freeze({ ...CONNECTING, status: 'closed' });

const EVENTS = /** @type {const} */ (['state', 'value', 'status', 'reset', 'problem', 'time']);

const shared = new SharedStreams();

/** A stream, and the components that use it. */
class Store {
  /** @type {Snapshot} */ snapshot = CONNECTING;
  /** The components, and what each has as options by now. @type {Map<() => void, {current: HookOptions}>} */
  #users = new Map();
  /** @type {Snapshot['age']} */ #age = stream => this.#stream.age(stream);
  #stream;

  /**
   * @param {string} url
   * @param {HookOptions} options
   */
  constructor(url, options) {
    const own = { ...options, ...asking(options, name => [...this.#users.values()][0]?.current[name]) };
    this.#stream = canShare(url, own) ? shared.open(url, own) : new EventStream(url, own);
    for (const type of EVENTS) this.#stream.addEventListener(type, this.#update);
    if (this.#stream.state !== 'connecting') this.#update(); // a shared connection may be open already
  }

  /**
   * @param {() => void} listener
   * @param {{current: HookOptions}} options
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
      if (this.#users.size > 0 || this.#stream.state === 'closed') return;
      this.#stream.close();
      ended();
    });
  }

  #update = () => {
    const { value, state, error, lastEventId, updatedAt } = this.#stream;
    const next = { value, status: state, error, lastEventId, updatedAt, madeAt: this.#stream.madeAt(), age: this.#age };
    if (Object.entries(this.snapshot).every(([name, old]) => Object.is(old, /** @type {any} */ (next)[name]))) return;
    this.snapshot = Object.freeze(next);
    for (const listener of this.#users.keys()) listener();
  };
}

/** @type {Map<string, Store>} */
const stores = new Map();

/**
 * usePollux returns the data of a stream. The component renders again at each change.
 * @param {string | null | undefined} url of the stream; without one there is no connection, and the status is `closed`
 * @param {HookOptions} [options] which are compared by content and need not be memoised. Functions are not compared: the
 *   newest one of a component that uses the connection is called
 * @returns {Snapshot}
 */
export function usePollux(url, options = {}) {
  const key = url ? contentOf(url, options) : '';
  const newest = useRef(options);
  useEffect(() => { newest.current = options; });
  const subscribe = useCallback((/** @type {() => void} */ listener) => {
    if (!url) return () => {};
    const store = stores.get(key) ?? new Store(url, newest.current);
    stores.set(key, store);
    store.add(listener, newest);
    return () => store.remove(listener, () => stores.delete(key));
  }, [key]);
  // The store is created by the subscription, because a component that renders but never mounts must leave nothing open.
  const read = () => (key ? stores.get(key)?.snapshot ?? CONNECTING : CLOSED);
  return useSyncExternalStore(subscribe, read, () => (key ? CONNECTING : CLOSED));
}

const KEPT = 10; // updates on show

/**
 * SseExample connects to a stream of Server-Sent Events, shows its state and problems, reconnects by itself, and
 * displays each update as it arrives, newest first. Copy it and change it.
 * @param {{url?: string, options?: HookOptions}} props `url` of the stream, by default the default stream of Pollux
 */
export function SseExample({ url = '/api/sse', options }) {
  const { value, status, error, lastEventId, updatedAt } = usePollux(url, options);
  const updates = useUpdates(url, value, lastEventId, updatedAt);
  return h('section', { className: 'sse-example', 'data-status': status, 'aria-label': 'Live updates' },
    h('p', { role: 'status' }, status === 'live' ? WORDS.live : `${WORDS[status]}: ${meaningOf(status, error)}`),
    error && h('p', { role: 'alert' }, error.message),
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

/**
 * The last updates, newest first.
 * @param {string} url
 * @param {any} value
 * @param {string} lastEventId
 * @param {number | null} updatedAt
 */
function useUpdates(url, value, lastEventId, updatedAt) {
  const [updates, setUpdates] = useState(/** @type {{key: number, value: any}[]} */ ([]));
  // StrictMode runs both effects twice on mounting. This one comes first, so that the list has each update once.
  useEffect(() => setUpdates([]), [url]);
  useEffect(() => {
    if (updatedAt === null) return;
    setUpdates(old => [{ key: (old[0]?.key ?? 0) + 1, value }, ...old].slice(0, KEPT));
  }, [value, lastEventId, updatedAt]);
  return updates;
}
