/** One stream for all tabs of a browser, and the channel by which they hear it. */

import * as ages from './ages.js';
import { modules } from './ondemand.js';
import { EventStream } from './pollux.js';
import { wantsDeltas, withQuery } from './query.js';

/** @import { HookOptions, Pass, Problem, State, Status, StreamEvents } from './types.js' */

modules.ages = ages;

/**
 * What tabs know of the stream beside its document.
 * @typedef {object} Facts
 * @property {State} state
 * @property {boolean} waiting
 * @property {string[]} streams
 * @property {string} position
 * @property {Status | null} status
 * @property {Problem | null} error
 * @property {number | null} nextRetryAt
 * @property {number | null} serverNow
 * @property {Record<string, [number | null, number | null]>} times the age of each stream's document, and when it was made;
 *   those of the newest one have an empty name
 */

/**
 * The newest document; null before the first.
 * @typedef {{value: any, raw: string | null, lastEventId: string, updatedAt: number | null}} Newest
 */

/**
 * What goes over the channel. From the host: `facts`, with an event, or with the newest document for a tab that has just
 * come; `ask`, for a token or a ticket. From a tab: `hello`; `reconnect`; `pass`, the answer.
 * @typedef {{facts: Facts, event?: [keyof StreamEvents, any], newest?: Newest} | {ask: number} | {hello: true} | {reconnect: true} |
 *   {pass: number, text: Pass}} Message
 */

/** What a tab tells the worker. @typedef {{name: string, url: string, options: Wanted} | {close: string}} Order */

/**
 * The options of a stream that is heard elsewhere: data alone. `pass` says which function there is.
 * @typedef {Omit<HookOptions, 'token' | 'ticket' | 'headers'> & {token?: string, headers?: [string, string][], pass?: 'token' | 'ticket'}} Wanted
 */

const EVENTS = /** @type {const} */ (['state', 'value', 'status', 'reset', 'streams', 'time', 'problem']);

/** Host has the stream, until `close`. */
export class Host {
  #stream;
  #channel;
  /** @type {Map<number, (text: Pass) => void>} */ #asked = new Map();
  #asks = 0;
  #closed = false;

  /**
   * @param {string} name of the channel
   * @param {string} url
   * @param {Wanted} options
   * @param {string} [position] after which it begins; deltas begin anew, because there is no document to which they apply
   */
  constructor(name, url, { pass, ...options }, position = '') {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    const { resumeParam = 'last_event_id' } = options;
    const resumes = position && resumeParam && !wantsDeltas(url);
    this.#stream = new EventStream(resumes ? withQuery(url, { last_event_id: null, lastEventId: null, [resumeParam]: position }) : url,
      { ...options, ...(pass && { [pass]: () => this.#ask() }) });
    for (const type of EVENTS) this.#stream.addEventListener(type, ({ detail }) => this.#post({ facts: this.#facts(), event: [type, detail] }));
    this.#welcome();
  }

  /** Ends the stream, of which the tabs hear nothing: another host may go on. */
  close() {
    this.#closed = true;
    this.#stream.close();
    this.#channel.close();
  }

  /** @param {Message} message */
  #hear(message) {
    if ('hello' in message) this.#welcome();
    else if ('reconnect' in message) this.#stream.reconnect();
    else if ('pass' in message) {
      this.#asked.get(message.pass)?.(message.text);
      this.#asked.delete(message.pass);
    }
  }

  #welcome() {
    const { value, raw, lastEventId, updatedAt } = this.#stream;
    this.#post({ facts: this.#facts(), newest: { value, raw, lastEventId, updatedAt } });
  }

  /** Asks the tabs. The first answer counts. @returns {Promise<Pass>} */
  #ask() {
    return new Promise(resolve => {
      this.#asked.clear(); // what was asked for before is for a connection that is gone
      this.#asked.set(++this.#asks, resolve);
      this.#post({ ask: this.#asks });
    });
  }

  /** @returns {Facts} */
  #facts() {
    const { state, waiting, streams, position, status, error, nextRetryAt, serverNow } = this.#stream;
    const names = ['', ...streams];
    const times = Object.fromEntries(names.map(name => [name, /** @type {[number | null, number | null]} */ (
      [this.#stream.age(name || undefined), this.#stream.madeAt(name || undefined)])]));
    return { state, waiting, streams, position, status, error, nextRetryAt, serverNow, times };
  }

  /** @param {Message} message */
  #post(message) { if (!this.#closed) this.#channel.postMessage(message); }
}
