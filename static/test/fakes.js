/** A fake clock, a fake EventSource, a fake fetch, and a stream that uses them. */

import { setImmediate } from 'node:timers/promises';

import * as ages from '../client/ages.js';
import * as deltas from '../client/documents.js';
import * as fetchsource from '../client/fetchsource.js';
import * as iterate from '../client/iterate.js';
import * as names from '../client/names.js';
import { modules } from '../client/ondemand.js';
import { EventStream } from '../client/pollux.js';
import { StreamSet } from '../client/streams.js';

/** @import { Options } from '../client/types.js' */

// So that nothing has to be waited for. ondemand.test.js is about the waiting.
Object.assign(modules, { ages, deltas, fetch: fetchsource, iterate, streams: names });

/** Clock has the timers of one test. Only the test advances it. */
export class Clock {
  time = 1_000_000;
  ticks = 0;
  /** @type {Map<number, {at: number, callback: () => void}>} */ #timers = new Map();
  #last = 0;

  now = () => this.time;
  monotonic = () => this.ticks;

  /** @type {(callback: () => void, ms: number) => number} */
  setTimeout = (callback, ms) => {
    if (!(ms >= 0 && ms < 2 ** 31)) throw new RangeError(`a timer of ${ms} ms`);
    this.#timers.set(++this.#last, { at: this.time + ms, callback });
    return this.#last;
  };

  /** @type {(timer: number) => void} */
  clearTimeout = timer => void this.#timers.delete(timer);

  /** The number of timers. */
  get pending() { return this.#timers.size; }

  /**
   * Lets time pass, and fires every timer when it is due.
   * @param {number} ms
   */
  advance(ms) {
    const end = this.time + ms;
    const ahead = this.ticks - this.time;
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
      if (!next || next[1].at > end) break;
      this.time = Math.max(this.time, next[1].at);
      this.ticks = this.time + ahead;
      this.#timers.delete(next[0]);
      next[1].callback();
    }
    this.time = end;
    this.ticks = end + ahead;
  }

  /**
   * Moves only the wall clock, forward or back, as in a sleeping laptop.
   * @param {number} ms
   */
  jump(ms) {
    this.time += ms;
    for (const timer of this.#timers.values()) timer.at += ms;
  }
}

/** FakeSource is an EventSource whose server is the test. `sources` lists all of them. */
export function fakeEventSource() {
  /** @type {InstanceType<typeof FakeSource>[]} */
  const sources = [];
  class FakeSource extends EventTarget {
    readyState = 0;
    #lastEventId = '';

    /**
     * @param {string} url
     * @param {EventSourceInit} [init]
     */
    constructor(url, init) {
      super();
      this.url = url;
      this.init = init;
      sources.push(this);
    }

    close() { this.readyState = 2; }

    open() {
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
    }

    /** The connection drops, or an attempt fails; the browser reconnects. */
    drop() {
      this.readyState = 0;
      this.dispatchEvent(new Event('error'));
    }

    /** The browser gives up, as after a 404. */
    refuse() {
      this.readyState = 2;
      this.dispatchEvent(new Event('error'));
    }

    /**
     * @param {string} data
     * @param {string | null} [id] of the event; empty means that it has none, and the last one stays; null resets that
     * @param {string} [type]
     */
    message(data, id = '', type = 'message') {
      this.#lastEventId = id === null ? '' : id || this.#lastEventId;
      this.dispatchEvent(new MessageEvent(type, { data, lastEventId: this.#lastEventId }));
    }
  }
  return { sources, EventSource: /** @type {any} */ (FakeSource) };
}

/** A request of a fake fetch, whose server is the test. */
class FakeRequest {
  /** @type {(response: Response) => void} */ #answer = () => {};
  /** @type {(error: Error) => void} */ #refuse = () => {};
  /** @type {ReadableStreamDefaultController<Uint8Array> | undefined} */ #body;
  aborted = false;

  /**
   * @param {string} url
   * @param {RequestInit} init
   */
  constructor(url, init) {
    this.url = url;
    this.init = init;
    /** @type {Promise<Response>} */
    this.response = new Promise((resolve, reject) => { [this.#answer, this.#refuse] = [resolve, reject]; });
    init.signal?.addEventListener('abort', () => {
      this.aborted = true;
      this.fail();
      this.#body?.error(new DOMException('aborted', 'AbortError'));
    });
  }

  /** What the request has as Authorization. */
  get authorization() { return new Headers(this.init.headers).get('Authorization'); }

  /**
   * @param {number} status
   * @param {string | null} [body]
   * @param {HeadersInit} [headers]
   */
  async answer(status, body = null, headers) {
    this.#answer(new Response(body, { status, headers }));
    await settle();
  }

  /** Answers with a problem detail. @type {(status: number, detail: string, headers?: Record<string, string>) => Promise<void>} */
  problem(status, detail, headers) {
    return this.answer(status, JSON.stringify({ title: 'x', status, detail }), { 'Content-Type': 'application/problem+json', ...headers });
  }

  /** Answers with a stream. @param {string | Uint8Array} [text] */
  async open(text = '') {
    const body = new ReadableStream({ start: controller => { this.#body = controller; } });
    this.#answer(new Response(body, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } }));
    await this.send(text);
  }

  /** @param {string | Uint8Array} text */
  async send(text) {
    if (text.length > 0) this.#body?.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text);
    await settle();
  }

  async end() {
    this.#body?.close();
    await settle();
  }

  async cut() {
    this.#body?.error(new TypeError('network error'));
    await settle();
  }

  /** There is no answer. */
  async fail() {
    this.#refuse(new TypeError('Failed to fetch'));
    await settle();
  }
}

/** A fetch whose server is the test. `requests` lists all of them. */
export function fakeFetch() {
  /** @type {FakeRequest[]} */ const requests = [];
  return {
    requests,
    /** The newest one. */
    request: () => requests[requests.length - 1],
    /** @type {NonNullable<Options['fetch']>} */
    fetch: (url, init) => {
      const request = new FakeRequest(url, init);
      requests.push(request);
      return request.response;
    },
  };
}

/** Waits until everything has happened that needs no time. */
export async function settle() {
  for (let n = 0; n < 4; n++) await setImmediate();
}

/**
 * A stream with a fake clock and a fake EventSource, and a list of all events that it dispatches. Its streams can change.
 * @param {Options & {url?: string}} [options]
 */
export function setup(options) {
  return setupAs(StreamSet, options);
}

/**
 * The same, of a class.
 * @template {EventStream} S
 * @param {new (url: string, options: Options) => S} Stream
 * @param {Options & {url?: string}} [options]
 */
export function setupAs(Stream, { url = '/api/sse', ...options } = {}) {
  const clock = new Clock();
  const { sources, EventSource } = fakeEventSource();
  const page = new EventTarget();
  const { now, monotonic, setTimeout, clearTimeout } = clock;
  const stream = new Stream(url,
    { EventSource, now, monotonic, setTimeout, clearTimeout, page, random: () => 0.5, ...options });
  /** @type {any[]} */
  const diary = [];
  stream.addEventListener('state', ({ detail }) => diary.push(detail.state));
  stream.addEventListener('value', ({ detail }) => diary.push({ value: detail.value }));
  stream.addEventListener('status', ({ detail }) => diary.push({ status: detail.state }));
  stream.addEventListener('reset', ({ detail }) => diary.push({ reset: detail.reason }));
  stream.addEventListener('problem', ({ detail }) => diary.push({ problem: detail.kind }));
  const source = () => sources[sources.length - 1];
  return { stream, clock, sources, source, page, diary };
}
