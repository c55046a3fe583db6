/** A stream of several streams, which come and go. */

import * as names from './names.js';
import { modules } from './ondemand.js';
import { EventStream } from './pollux.js';
import { streamNames } from './query.js';
import { worstOf } from './statuses.js';

/** @import { Options, State } from './types.js' */

modules.streams = names; // which need not be loaded any more

/**
 * StreamSet is an EventStream whose streams can change: `setStreams` replaces its connection by one with other streams,
 * which resumes with the ID of the old one. So the streams that stay miss nothing. An ID is a position in all streams,
 * therefore the new URL says with `fresh=` of which streams nothing has come yet, and the server sends their newest
 * documents first. EventSource reconnects with the URL that it has, whose `fresh=` is out of date by then, so that documents
 * would be skipped. So the stream takes over when such a connection drops.
 *
 * While `setStreams` replaces a connection, the state stays as it is
 * for up to 2 s.
 */
export class StreamSet extends EventStream {
  #names;

  /**
   * @param {string | URL} url of the first streams
   * @param {Options} [options]
   */
  constructor(url, options) {
    const all = new names.Names(streamNames(String(url)));
    super(url, options, all);
    this.#names = all;
  }

  /**
   * Changes the streams, from 1 to 100; it throws RangeError for another number. The connection is replaced after a
   * macrotask, so several calls cost one connection; or later, when the current one has ended its replay, at most 2 s
   * after it was opened. Streams that stay miss nothing, and a new one begins with its newest document, which comes twice
   * if the connection drops just then. The names of events follow: with one stream, documents are unnamed, and with
   * several, they have the names of their streams. `streams` changes when the next connection begins.
   * @param {Iterable<string>} names
   */
  setStreams(names) { this.#names.choose(names); }

  /**
   * The state of one of the streams: like `state`, but the status of that stream alone counts. It is `connecting` until a
   * connection with that stream is open.
   * @param {string} stream
   * @returns {State}
   */
  stateOf(stream) {
    if (!['live', 'stale', 'down'].includes(this.state)) return this.state;
    return this.#names.has(stream) ? worstOf([this.statusOf(stream), this.statusOf('')]) : 'connecting';
  }
}
