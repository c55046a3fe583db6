/** The connection of one stream, in the worker, and what the server knows of the stream. */

import * as ages from '../client/ages.js';
import { modules } from '../client/ondemand.js';
import { EventStream } from '../client/pollux.js';
import { withQuery } from '../client/query.js';
import { gap } from './condition.js';
import { knock, refusalIn } from './door.js';
import { endpointOf, keyIn, milliseconds } from './names.js';
import { parse } from './parse.js';
import { Rate } from './rate.js';
import { ServerClock, until } from './serverclock.js';

/** @import { Knock, Refusal } from './door.js' */
/** @import { Stream } from './names.js' */

const BASE = new URL(`..`, import.meta.url).href;
const ASK = 2000; // milliseconds between questions about the stream
const SILENCE = 45_000; // Pollux sends a heartbeat every 15 s, so the watchdog can act from the start
const LARGE = 1_000_000; // bytes of a document from which on its history is not asked for

/**
 * What a Line tells its owner.
 * @typedef {object} Owner
 * @property {(document: any, raw: string, id: string, at: number) => void} take a document came, or was kept by the server.
 *   `at` is when it was made, milliseconds since 1970, by the server's clock if it is known
 * @property {() => void} forget documents are missing between those that came and the next one
 * @property {(kind: 'status' | 'reset' | 'problem', text: string, at: number) => void} note something else happened
 * @property {() => void} dirty something has changed
 */

/**
 * Line gets what the server has kept of a stream, and then listens, without a gap between the two. If the server refuses the
 * stream, it asks now and then, and connects when it does not any more.
 */
export class Line {
  #name;
  #page;
  #owner;
  #end = new AbortController();
  /** @type {EventStream | null} */ #stream = null;
  #rate = new Rate();
  #clock = new ServerClock();
  #lastEventId = ''; // of what the server has kept
  /** @type {Stream | null} */ #about = null;
  /** @type {Knock | null} */ #knock = null;
  /** @type {Refusal | null} */ #refusal = null;
  #hidden = false;

  /**
   * @param {string} name of the stream
   * @param {EventTarget} page hears what happens to the page
   * @param {Owner} owner
   */
  constructor(name, page, owner) {
    this.#name = name;
    this.#page = page;
    this.#owner = owner;
    modules.ages = ages; // so that the age is known from the first heartbeat on
    void this.#begin();
  }

  /** Ends it. */
  close() {
    this.#end.abort();
    this.#stream?.close();
  }

  /** @param {boolean} hidden whether nobody sees the page */
  hide(hidden) { this.#hidden = hidden; }

  /** Connects now. */
  reconnect() {
    if (this.#refusal) void this.#ask();
    else this.#stream?.reconnect();
  }

  /** The server's time, milliseconds since 1970; null while it is not known. */
  get now() { return this.#stream?.serverNow ?? this.#clock.now; }

  /** What is known of the connection and of the stream. */
  get known() {
    const stream = this.#stream;
    return {
      state: this.#refusal ? /** @type {const} */ ('closed') : stream?.state ?? /** @type {const} */ ('connecting'),
      status: stream?.status ?? null, error: stream?.error ?? null, waiting: stream?.waiting ?? false,
      retryIn: stream?.nextRetryAt ? stream.nextRetryAt - Date.now() : null,
      refusal: this.#refusal, knock: this.#knock, about: this.#about, aMinute: this.#rate.aMinute,
      nextPoll: until(this.#about?.nextPoll, this.now), age: stream?.age() ?? null, madeAt: stream?.madeAt() ?? null,
    };
  }

  async #begin() {
    const timer = setInterval(() => { if (!this.#hidden) void this.#ask(); }, ASK);
    this.#end.signal.addEventListener('abort', () => clearInterval(timer));
    const answer = await this.#ask();
    if (this.#end.signal.aborted || this.#refuses(answer)) return;
    await this.#past(answer.stream);
    if (!this.#end.signal.aborted) this.#connect();
  }

  /** Gets what the server has kept. @param {Stream | null} about */
  async #past(about) {
    if (!about?.events || about.idle) return;
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(10_000)]);
    const { load, sinceFor } = await import('./history.js');
    const size = await fetch(`${BASE}api/latest?stream=${encodeURIComponent(this.#name)}`, { method: 'HEAD', cache: 'no-store', signal })
      .then(({ ok, headers }) => (ok ? Number(headers.get('content-length') ?? 1000) : 1000), () => 1000);
    if (size > LARGE) return;
    let last = '';
    const whole = await load([this.#name], sinceFor(milliseconds(about.every), size), signal, ({ id, at, raw }) => {
      last = id;
      this.#owner.take(parse(raw), raw, id, at);
    });
    if (whole) this.#lastEventId = last;
    else if (last) this.#owner.forget();
  }

  #connect() {
    const url = BASE + endpointOf(this.#name);
    const stream = this.#stream = new EventStream(this.#lastEventId ? withQuery(url, { last_event_id: this.#lastEventId }) : url,
      { silence: SILENCE, parse, page: this.#page, signal: this.#end.signal });
    for (const type of /** @type {const} */ (['state', 'time'])) stream.addEventListener(type, () => this.#owner.dirty());
    stream.addEventListener('value', ({ detail: { value, raw, lastEventId } }) => this.#owner.take(value, raw, lastEventId, stream.madeAt() ?? this.#time()));
    stream.addEventListener('status', ({ detail: { state, error } }) => this.#owner.note('status', [state, error].filter(Boolean).join(' · '), this.#time()));
    stream.addEventListener('reset', ({ detail }) => this.#owner.note('reset', gap(detail), this.#time()));
    stream.addEventListener('problem', ({ detail }) => {
      this.#owner.note('problem', detail.message, this.#time());
      if (detail.kind === 'refused') void this.#ask();
    });
    this.#owner.dirty();
  }

  /** The time, milliseconds since 1970: the server's if it is known, because the clock here can be wrong. */
  #time() { return this.now ?? Date.now(); }

  /** Asks what the server knows of the stream. */
  async #ask() {
    const answer = await knock(this.#name, BASE);
    if (this.#end.signal.aborted) return answer;
    this.#knock = answer;
    if (answer.stream) {
      this.#about = answer.stream;
      this.#clock.take([answer.stream]);
      if (typeof answer.stream.events === 'number') this.#rate.take(answer.stream.events, performance.now());
    }
    if (this.#stream?.state === 'reconnecting' || this.#refusal) this.#refuses(answer);
    this.#owner.dirty();
    return answer;
  }

  /**
   * Closes the stream if the server refuses it, and opens it again when it does not any more.
   * @param {Knock} answer
   */
  #refuses(answer) {
    const before = this.#refusal;
    if (answer.status !== 0) this.#refusal = refusalIn(answer, keyIn(this.#name) !== '');
    if (this.#refusal) this.#stream?.close();
    else if (before) this.#connect();
    this.#owner.dirty();
    return this.#refusal !== null;
  }
}
