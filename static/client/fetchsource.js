/** An EventSource that shows a token. */

import { Parser } from './parser.js';
import { withQuery } from './query.js';

/** @import { Settings } from './options.js' */
/** @import { Problem } from './types.js' */

const LONGEST = 3_600_000; // of Retry-After
const [OPEN, CLOSED] = [1, 2]; // EventSource.OPEN and CLOSED, which need not exist where this module is imported

/**
 * Why there is no stream.
 * @typedef {object} Failure
 * @property {Problem['kind']} kind
 * @property {string} message
 * @property {number} [status] of the answer, if there was one
 * @property {number} least milliseconds before the next try, as the server wants it
 * @property {boolean} lasting whether the next try will fail too, unless somebody changes what this token allows
 */

/**
 * FetchSource is what `Connection` uses of an EventSource, by `fetch`. Native EventSource can neither send a header nor
 * tell why it was refused. This one does not reconnect: it ends with its request, by an event `error` whose `failure` is
 * the reason, or null if the stream was open. An event `sent` tells that the token has been obtained, which may take as
 * long as a user needs to sign in.
 */
export class FetchSource extends EventTarget {
  readyState = 0;
  #controller = new AbortController();
  #parser = new Parser(({ type, data, lastEventId }) => this.dispatchEvent(new MessageEvent(type, { data, lastEventId })));

  /**
   * Throws SyntaxError for an impossible URL, as EventSource does. No function is called before it returns.
   * @param {string} url
   * @param {Pick<Settings, 'fetch' | 'withCredentials' | 'token' | 'ticket'>} options with a token or a ticket
   */
  constructor(url, options) {
    super();
    try {
      new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href ?? 'http://localhost');
    } catch {
      throw new DOMException(`pollux: ${url} is not a URL`, 'SyntaxError');
    }
    void this.#run(url, options);
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
   */
  async #run(url, { fetch, withCredentials, token, ticket }) {
    await null;
    const { signal } = this.#controller;
    let pass;
    try {
      pass = checked(await (typeof token === 'string' ? token : (token ?? ticket)?.()));
    } catch (error) {
      return this.#end({ kind: 'token', message: `There is no token: ${error instanceof Error ? error.message : error}` });
    }
    if (signal.aborted) return;
    this.dispatchEvent(new Event('sent'));
    /** @type {Record<string, string>} */ const headers = { Accept: 'text/event-stream' };
    if (token && pass) headers.Authorization = `Bearer ${pass}`;
    let response;
    try {
      response = await fetch(ticket ? withQuery(url, { ticket: pass || null }) : url,
        { headers, credentials: withCredentials ? 'include' : 'same-origin', cache: 'no-store', signal });
    } catch {
      return this.#end({ kind: 'unreachable', message: 'The server could not be reached.' });
    }
    if (!isStream(response) || !response.body) return this.#end(await refusal(response, typeof token === 'string'));
    await this.#read(response.body);
    this.#end(null);
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
    this.dispatchEvent(Object.assign(new Event('error'), { failure: failure && { least: 0, lasting: false, ...failure } }));
  }
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

/** @param {Response} response */
function isStream({ status, headers }) {
  return status === 200 && /^text\/event-stream(?:[ \t]*;|[ \t]*$)/i.test(headers.get('Content-Type') ?? '');
}

/**
 * @param {Response} response that is no event stream
 * @param {boolean} fixed whether the next try shows the same token
 * @returns {Promise<Failure>}
 */
async function refusal(response, fixed) {
  const { status, headers } = response;
  const seconds = headers.get('Retry-After') ?? '';
  const least = /^\d+$/.test(seconds) ? Math.min(Number(seconds) * 1000, LONGEST) : 0;
  const detail = await detailIn(response);
  if (status === 401) {
    return { kind: 'unauthorized', message: detail || 'The server wants a token, or another one.', status, least, lasting: fixed };
  }
  if (status === 403) {
    return { kind: 'forbidden', message: detail || 'The token does not allow this.', status, least, lasting: true };
  }
  const message = status === 200 ? 'The server did not answer with an event stream.' : `The server answered ${status}. ${detail}`;
  return { kind: 'refused', message: message.trim(), status, least, lasting: false };
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
