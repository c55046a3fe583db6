/** All streams, in the worker: the server's list of them, and the newest documents of those on show. */

import * as ages from '../client/ages.js';
import { isKeyName } from '../client/keys.js';
import { modules } from '../client/ondemand.js';
import { StreamSet } from '../client/streams.js';
import { clusterOf, differencesOf } from './cluster.js';
import { load } from './history.js';
import { parse } from './parse.js';
import { Rate } from './rate.js';
import { ServerClock, until } from './serverclock.js';
import { natural } from './text.js';
import { Watch } from './watch.js';

/** @import { Cluster } from './cluster.js' */
/** @import { Stream } from './names.js' */

const BASE = new URL(`..`, import.meta.url).href;
const ASK = 2000; // milliseconds between two lists
const MOST = 60; // streams that are listened to
const WATCHED = 200; // streams whose documents are kept
const TRACKS = 60; // values of each whose course is kept
const SETTLE = 200; // milliseconds for which the list has to stand still before its streams are listened to
const COURSE = 32;

/** @typedef {{name: string, words: string, by: string, down: boolean, from: number, to: number}} View */

/** Many is asked for `part` whenever the page can draw. */
export class Many {
  #page;
  #dirty;
  #end = new AbortController();
  /** @type {StreamSet | null} */ #set = null;
  /** @type {Stream[]} */ #all = [];
  /** @type {Map<string, Watch>} */ #watches = new Map();
  /** @type {Map<string, Rate>} */ #rates = new Map();
  #clock = new ServerClock();
  /** @type {Omit<View, 'name'>} */ #view = { words: '', by: 'name', down: false, from: 0, to: 40 };
  /** What the server refused, or that it does not answer. @type {{status: number, detail: string} | null} */ #refused = null;
  /** @type {Cluster} */ #cluster = { nodes: [], size: 0, differences: [] };
  #asked = false;
  #hidden = false;
  /** @type {any} */ #settling;
  /** @type {Set<string>} */ #past = new Set(); // streams whose history was asked for

  /**
   * @param {EventTarget & {document: {hidden: boolean}}} page hears what happens to the page
   * @param {() => void} dirty is called when something has changed
   */
  constructor(page, dirty) {
    this.#page = page;
    this.#dirty = dirty;
    modules.ages = ages;
    void this.#ask();
    const timer = setInterval(() => { if (!this.#hidden) void this.#ask(); }, ASK);
    this.#end.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Ends it. */
  close() {
    clearTimeout(this.#settling);
    this.#end.abort();
    this.#set?.close();
  }

  /** @param {Partial<View>} view */
  look(view) {
    Object.assign(this.#view, view);
    this.#listen();
    this.#dirty();
  }

  /** @param {boolean} hidden whether nobody sees the page */
  hide(hidden) {
    if (this.#hidden && !hidden) void this.#ask();
    this.#hidden = hidden;
  }

  /** Asks now. */
  reconnect() {
    void this.#ask();
    this.#set?.reconnect();
  }

  /** What the page shows now. */
  part() {
    const now = this.#set?.serverNow ?? this.#clock.now;
    const listed = this.#listed();
    const { from, to } = this.#view;
    const sum = (/** @type {(stream: Stream) => number | null | undefined} */ of) => this.#all.reduce((sum, stream) => sum + (of(stream) ?? 0), 0);
    const states = { live: 0, stale: 0, down: 0 };
    for (const stream of this.#all) states[this.#stateOf(stream)]++;
    return {
      asked: this.#asked, refused: this.#refused, now, total: this.#all.length, count: listed.length, from, states,
      cluster: this.#cluster, saved: sum(each => each.requestsSaved), requests: sum(each => each.requests),
      rows: listed.slice(from, to).map(stream => this.#row(stream, now)),
    };
  }

  /**
   * @param {Stream} stream
   * @param {number | null} now
   */
  #row(stream, now) {
    const { name } = stream;
    const watch = this.#watches.get(name);
    const age = this.#set?.age(name) ?? (watch?.exists && now !== null ? now - watch.at : null);
    return {
      name, state: this.#stateOf(stream), error: this.#set?.statusOf(name)?.error ?? stream.error ?? null,
      idle: stream.idle ?? false, waiting: stream.waiting ?? false, keys: stream.keys ?? null, every: stream.every ?? null,
      clients: stream.clients ?? null, saved: stream.every ? stream.requestsSaved ?? null : null, polledBy: stream.polledBy ?? '', differs: differencesOf(this.#cluster.differences, name),
      aMinute: this.#rates.get(name)?.aMinute ?? null, nextPoll: until(stream.nextPoll, now),
      age: age ?? (stream.lastSuccess && now !== null ? now - Date.parse(stream.lastSuccess) : null),
      seq: watch?.seq ?? 0, field: watch?.fields(now ?? Date.now(), 1, COURSE)[0] ?? null,
    };
  }

  /** @param {Stream} stream @returns {'live' | 'stale' | 'down'} */
  #stateOf({ name, state }) { return this.#set?.statusOf(name)?.state ?? state ?? 'live'; }

  /** The streams that the words choose, in order. */
  #listed() {
    const { words, by, down } = this.#view;
    const all = words.toLowerCase().split(/\s+/).filter(Boolean);
    const listed = this.#all.filter(stream => all.every(word => stream.name.toLowerCase().includes(word) || this.#stateOf(stream).startsWith(word) ||
      stream.polledBy?.toLowerCase().includes(word) || stream.error?.includes(word)));
    const sign = down ? -1 : 1;
    const worst = { down: 0, stale: 1, live: 2 };
    const order = /** @type {Record<string, (a: Stream, b: Stream) => number>} */ ({
      state: (a, b) => worst[this.#stateOf(a)] - worst[this.#stateOf(b)],
      clients: (a, b) => (b.clients ?? -1) - (a.clients ?? -1),
      rate: (a, b) => (this.#rates.get(b.name)?.aMinute ?? -1) - (this.#rates.get(a.name)?.aMinute ?? -1),
      saved: (a, b) => (b.requestsSaved ?? -1) - (a.requestsSaved ?? -1),
    })[by];
    return listed.sort((a, b) => sign * (order?.(a, b) || natural(a.name, b.name)));
  }

  async #ask() {
    try {
      const response = await fetch(`${BASE}api/streams`, { cache: 'no-store', signal: AbortSignal.any([this.#end.signal, AbortSignal.timeout(10_000)]) });
      /** @type {any} */ const body = await response.json().catch(() => null);
      this.#asked = true;
      if (!response.ok || !Array.isArray(body?.streams)) {
        this.#refused = { status: response.status, detail: typeof body?.detail === 'string' ? body.detail : '' };
      } else {
        this.#refused = null;
        this.#all = body.streams;
        this.#cluster = clusterOf(body);
        this.#clock.take(this.#all);
        for (const { name, events } of this.#all) {
          if (typeof events !== 'number') continue;
          const rate = this.#rates.get(name) ?? new Rate();
          rate.take(events, performance.now());
          this.#rates.set(name, rate);
        }
        const names = new Set(this.#all.map(({ name }) => name));
        for (const map of [this.#rates, this.#watches]) for (const name of map.keys()) if (!names.has(name)) map.delete(name);
      }
    } catch {
      if (this.#end.signal.aborted) return;
      this.#asked = true;
      this.#refused = { status: 0, detail: '' };
    }
    this.#listen();
    this.#dirty();
  }

  /** Listens to the streams on show, when they have been on show for a moment. */
  #listen() {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#follow(), this.#set ? SETTLE : 0);
  }

  /** Nobody asks a source only because this page is open: a stream that is polled on demand stays idle. */
  #follow() {
    if (this.#end.signal.aborted) return;
    const { from, to } = this.#view;
    const names = this.#listed().slice(from, to).filter(({ idle, keys }) => !idle && !keys).map(({ name }) => name).slice(0, MOST);
    const joins = names.filter(name => !this.#set?.streams.includes(name));
    if (names.length === 0 || this.#set && joins.length === 0) return;
    if (!this.#set) {
      const set = this.#set = new StreamSet(`${BASE}api/sse?stream=${names.map(encodeURIComponent).join(',')}&mode=patch`, { page: this.#page, parse, signal: this.#end.signal });
      set.addEventListener('value', ({ detail }) => this.#take(detail.type, detail.value, set));
      for (const type of /** @type {const} */ (['state', 'status', 'time'])) set.addEventListener(type, () => this.#dirty());
    } else this.#set.setStreams(names);
    void this.#remember(joins);
  }

  /**
   * Gets what the server has kept of streams that come on show, so that their lines do not begin empty.
   * @param {string[]} names
   */
  async #remember(names) {
    const unknown = names.filter(name => !this.#past.has(name) && !isKeyName(name)).slice(0, MOST);
    if (unknown.length === 0) return;
    for (const name of unknown) this.#past.add(name);
    /** @type {Map<string, Watch>} */ const past = new Map();
    await load(unknown, '5m', this.#end.signal, ({ stream, at, raw }) => {
      const watch = past.get(stream || unknown[0]) ?? new Watch(TRACKS);
      past.set(stream || unknown[0], watch);
      watch.take(parse(raw), at);
    });
    for (const [name, watch] of past) {
      const newer = this.#watches.get(name);
      if (newer?.exists && newer.at > watch.at) watch.take(newer.document, newer.at);
      this.#watches.set(name, watch);
    }
    this.#dirty();
  }

  /**
   * @param {string} type
   * @param {any} document
   * @param {StreamSet} set
   */
  #take(type, document, set) {
    const name = set.streams.length > 1 ? type : set.streams[0];
    const watch = this.#watches.get(name) ?? new Watch(TRACKS);
    this.#watches.delete(name);
    this.#watches.set(name, watch); // as the last one
    watch.take(document, set.madeAt(name) ?? set.serverNow ?? this.#clock.now ?? Date.now());
    for (const name of this.#watches.keys()) {
      if (this.#watches.size <= WATCHED) break;
      this.#watches.delete(name);
    }
    this.#dirty();
  }
}
