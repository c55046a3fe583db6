/**
 * An EventSource that shows a token, a ticket or headers. Loaded when the first stream has one.
 *
 * With the option `token` or `headers`, a stream is read by `fetch` instead, which sends them. A function `token` is called
 * before each try. When the server says that the token has expired, the next connection begins within a second, with a new
 * token, and the state stays as it is meanwhile; but only once in 10 s. After a refusal, `error` has the words of the server:
 *
 * - `unauthorized` (401): the stream tries again as after any failure, because the function can return another token.
 *   With a token that is fixed it waits for 2.5 to 5 minutes.
 * - `forbidden` (403): the stream waits for 2.5 to 5 minutes. `reconnect()` and other streams end the wait.
 * - `token`: the function failed, or what it returned can be no token. It is called again as after any failure.
 *
 * The token is in no URL, no storage and no message. `Retry-After` and `retry:` are obeyed. A ticket, which some other
 * server has obtained for the page, goes into the URL, and is valid once.
 */

import { Parser } from './parser.js';

/** @import { Settings } from './options.js' */
/** @import { Problem } from './types.js' */

const LONGEST = 3_600_000; // of Retry-After
const LASTING = 300_000; // longest wait after a refusal that lasts until somebody changes what this token allows
const [OPEN, CLOSED] = [1, 2]; // EventSource.OPEN and CLOSED, which need not exist where this module is imported

/**
 * Why there is no stream.
 * @typedef {object} Failure
 * @property {Problem['kind']} kind
 * @property {string} message
 * @property {number} [status] of the answer, if there was one
 * @property {number} least milliseconds before the next try, as the server wants it
 * @property {boolean} [renew] whether the next try may follow at once, as the only reason was the age of the token
 */

/**
 * What a connection is: an EventSource; a FetchSource, which tells more; or that modules are being loaded.
 * @typedef {(EventSource | FetchSource) & Partial<Pick<FetchSource, 'sent' | 'retry' | 'lastEventId'>>} Source
 */

/**
 * FetchSource is what a `Link` uses of an EventSource, by `fetch`. Native EventSource can neither send a header nor
 * tell why it was refused. This one does not reconnect: it ends with its request, by an event `error` whose `failure` is
 * the reason, or null if the stream was open and its token has not expired. An event `sent` tells that the token has been obtained, which may take as
 * long as a user needs to sign in.
 */
export class FetchSource extends EventTarget {
  readyState = 0;
  /** Whether the request is under way. */ sent = false;
  /** @type {number} */ #lasting;
  /** @type {() => number} */ #now;
  #controller = new AbortController();
  #renewable;
  #expired = false; // the server has said that it ends with its token
  #parser = new Parser(({ type, data, lastEventId }) => {
    // That says nothing about the streams.
    if (this.#renewable && type === 'status' && isExpired(data)) this.#expired = true;
    else this.dispatchEvent(new MessageEvent(type, { data, lastEventId }));
  });

  /**
   * No function is called before it returns.
   * @param {string} url
   * @param {Pick<Settings, 'fetch' | 'withCredentials' | 'token' | 'ticket' | 'headers' | 'random' | 'now'>} options
   * @param {typeof import('./query.js').withQuery} withQuery
   */
  constructor(url, options, withQuery) {
    super();
    this.#renewable = Boolean(options.token || options.ticket);
    this.#now = options.now;
    this.#lasting = LASTING * (1 + options.random()) / 2;
    void this.#run(url, options, withQuery);
  }

  /** The reconnection time that the server has sent, in milliseconds; null if it has sent none. */
  get retry() { return this.#parser.retry; }
  /** The last ID, even if no event has it. */
  get lastEventId() { return this.#parser.lastEventId; }

  close() {
    this.readyState = CLOSED;
    this.#controller.abort();
  }

  /**
   * @param {string} url
   * @param {ConstructorParameters<typeof FetchSource>[1]} options
   * @param {ConstructorParameters<typeof FetchSource>[2]} withQuery
   */
  async #run(url, { fetch = globalThis.fetch, withCredentials, token, ticket, headers: more }, withQuery) {
    await null;
    const { signal } = this.#controller;
    let headers;
    let pass;
    try {
      pass = checked(await passOf(token, ticket));
      headers = new Headers(more ?? undefined);
    } catch (error) {
      return this.#end({ kind: 'token', message: `There is no token: ${error instanceof Error ? error.message : error}` });
    }
    if (signal.aborted) return;
    this.sent = true;
    this.dispatchEvent(new Event('sent'));
    let response;
    try {
      headers.set('Accept', 'text/event-stream');
      if (token && pass) headers.set('Authorization', `Bearer ${pass}`);
      response = await fetch(ticket ? withQuery(url, { ticket: pass || null }) : url,
        { headers, credentials: withCredentials ? 'include' : 'same-origin', cache: 'no-store', signal });
    } catch {
      return this.#end({ kind: 'unreachable', message: 'The server could not be reached.' });
    }
    if (!isStream(response) || !response.body) return this.#end(await this.#refusal(response, typeof token === 'string' || !(token || ticket)));
    await this.#read(response.body);
    this.#end(this.#expired ? { kind: 'unauthorized', message: 'The token has expired.', renew: true } : null);
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async #read(body) {
    this.readyState = OPEN;
    this.dispatchEvent(new Event('open'));
    const reader = body.getReader();
    const decoder = new TextDecoder(); // which removes a byte order mark
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        this.#parser.feed(decoder.decode(part.value, { stream: true }));
      }
    } catch {
      // A stream that is cut has ended, as for an EventSource.
    }
  }

  /** @param {Pick<Failure, 'kind' | 'message'> & Partial<Failure> | null} failure */
  #end(failure) {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.dispatchEvent(Object.assign(new Event('error'), { failure: failure && { least: 0, ...failure } }));
  }

  /**
   * @param {Response} response that is no event stream
   * @param {boolean} fixed whether the next try shows the same token
   * @returns {Promise<Failure>}
   */
  async #refusal(response, fixed) {
    const { status, headers } = response;
    const least = Math.min(retryAfterIn(headers, this.#now()), LONGEST);
    const detail = await detailIn(response);
    if (status === 401) {
      const message = detail || 'The server wants a token, or another one.';
      return { kind: 'unauthorized', message, status, least: fixed ? this.#lasting : least };
    }
    if (status === 403) return { kind: 'forbidden', message: detail || 'The token does not allow this.', status, least: this.#lasting };
    const message = status === 200 ? 'The server did not answer with an event stream.' : `The server answered ${status}. ${detail}`;
    return { kind: 'refused', message: message.trim(), status, least };
  }
}

/**
 * passOf returns what the next request shows: a token, or else a ticket.
 * @param {Settings['token']} token
 * @param {Settings['ticket']} ticket
 */
function passOf(token, ticket) {
  if (token && ticket) throw new TypeError('want either a token or a ticket');
  if (ticket && typeof ticket !== 'function') throw new TypeError('a ticket is valid once, so want a function');
  if (token && typeof token !== 'function' && typeof token !== 'string') throw new TypeError(`it is a value of type ${typeof token}`);
  return typeof token === 'function' ? token() : token || ticket?.();
}

/**
 * checked returns a token that can be sent; empty for none.
 * @param {unknown} pass
 */
function checked(pass) {
  if (pass === undefined || pass === null) return '';
  if (typeof pass !== 'string') throw new TypeError(`the function returned no string, but a value of type ${typeof pass}`);
  if (/[^\x21-\x7e]/.test(pass)) throw new TypeError('it has a character that no token has');
  return pass;
}

/**
 * The time of Retry-After (RFC 9110 10.2.3) in milliseconds, which is a number of seconds or a date; 0 if there is none that
 * can be read. A date is one of the server's clock, which the answer tells in `Date`, though not to a page of another origin.
 * @param {Headers} headers
 * @param {number} now by the clock of the browser
 */
function retryAfterIn(headers, now) {
  const text = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!/[a-z]/i.test(text)) return 0; // Date.parse takes 3.5 and -1 for dates
  return Math.max(0, Date.parse(text) - (Date.parse(headers.get('Date') ?? '') || now) || 0);
}

/** @param {Response} response */
function isStream({ status, headers }) {
  return status === 200 && /^text\/event-stream(?:[ \t]*;|[ \t]*$)/i.test(headers.get('Content-Type') ?? '');
}

/**
 * Whether a status says that the connection ends because its token has expired.
 * @param {string} data
 */
function isExpired(data) {
  try {
    return JSON.parse(data)?.error === 'expired';
  } catch {
    return false;
  }
}

/**
 * The sentence for people in a problem detail (RFC 9457); empty if there is none.
 * @param {Response} response
 */
async function detailIn(response) {
  if (!response.headers.get('Content-Type')?.startsWith('application/problem+json')) return '';
  try {
    const { detail } = await response.json();
    return typeof detail === 'string' ? detail : '';
  } catch {
    return '';
  }
}
