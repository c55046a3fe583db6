/**
 * Streams of one connection for several users, such as the components of a page that each show another key.
 *
 *     const streams = new SharedStreams();
 *     const view = streams.open('/api/sse?stream=prices/BTC');
 *     view.addEventListener('value', () => console.log(view.value));
 *
 * Views with the same URL, but for the name of the stream, and the same options share a connection. It opens one
 * macrotask after its first view, and closes with its last one. A stream without a view leaves with the next change, or
 * after 5 s, so that a view that returns soon costs nothing. Functions among the options count as the same: the one of a
 * view that there still is is called.
 *
 * If the server does not have a stream, because the pattern does not match the key or the stream was removed, its views
 * are `down`, with an error of the kind `removed`. The others go on. The stream is asked for again with each connection.
 */

import { isKeyName } from './keys.js';
import { contentOf } from './options.js';
import { queryOf, streamNames, withQuery } from './query.js';
import { SharedConnection } from './sharedconnection.js';
import { SharedView } from './sharedview.js';

/** @import { HookOptions, Options } from './types.js' */

/** Parameters that are about one connection, and would have another effect on a shared one. */
const OWN = ['last_event_id', 'lastEventId', 'since', 'limit', 'fresh'];

/**
 * canShare reports whether a stream can share its connection: its URL names one key of a keyed stream, such as
 * `prices/BTC`, and nothing in the URL or the options is about a connection of its own. Only a server that has keys can
 * change the streams of a connection.
 * @param {string} url
 * @param {Options} [options]
 */
export function canShare(url, { events, resumeParam } = {}) {
  const names = streamNames(url);
  const query = queryOf(url);
  return names.length === 1 && isKeyName(names[0]) && !OWN.some(name => query.has(name)) &&
    events === undefined && resumeParam !== '';
}

/** SharedStreams has the connections of a page. */
export class SharedStreams {
  #options;
  /** @type {Set<SharedConnection>} */ #connections = new Set();

  /** @param {Options} [options] of all connections, for tests */
  constructor(options = {}) {
    this.#options = options;
  }

  /**
   * Opens a view of one stream. It throws for an invalid URL or option.
   * @param {string} url that names the stream; see `canShare`
   * @param {HookOptions} [options] which are compared by content
   */
  open(url, options = {}) {
    const [name] = streamNames(url);
    const rest = withQuery(url, { stream: null });
    const kind = contentOf(rest, options);
    const all = [...this.#connections].filter(each => each.kind === kind);
    let shared = all.find(each => each.has(name)) ?? all.find(each => each.hasRoom(name));
    if (!shared) {
      const made = shared = new SharedConnection(kind, rest, { ...options, ...this.#options }, () => this.#connections.delete(made));
      this.#connections.add(made);
    }
    return new SharedView(shared, name, options);
  }
}
