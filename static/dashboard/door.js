/** Whether this page may read a stream, and what to do if it may not. */

import { clusterOf } from './cluster.js';
import { inQuery } from './names.js';

/** @import { Cluster } from './cluster.js' */
/** @import { Stream } from './names.js' */

/**
 * What a server says of a stream.
 * @typedef {object} Knock
 * @property {number} status of its answer; 0 if there was none
 * @property {string} detail what it says about a refusal; empty if nothing
 * @property {string[]} streams that it has for this page, if it refused
 * @property {Stream | null} stream what it knows of the stream
 * @property {Cluster | null} cluster what it knows of the nodes
 * @property {boolean} html whether it was an HTML page
 */

/**
 * What a server can say of a stream that it does not let this page read: `token` if it wants one, or another one; `scope` if
 * the token of this browser does not allow the stream; `unknown` if it has none of that name.
 * @typedef {'token' | 'scope' | 'unknown'} Refusal
 */

/** What the state is called, instead of Closed. @type {Readonly<Record<Refusal, string>>} */
export const NAMES = { token: 'Token needed', scope: 'Not allowed', unknown: 'No such stream' };

const PATIENCE = 5000; // milliseconds

/**
 * knock asks what the server knows of a stream, or why it was refused, which EventSource does not say.
 * @param {string} name
 * @param {string} [base] of the server's paths
 * @returns {Promise<Knock>}
 */
export async function knock(name, base = '') {
  /** @type {Knock} */ const nothing = { status: 0, detail: '', streams: [], stream: null, cluster: null, html: false };
  try {
    const response = await fetch(`${base}api/streams?stream=${inQuery(name)}`, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    const html = /html/.test(response.headers.get('content-type') ?? '');
    /** @type {any} */ const body = await response.json().catch(() => null);
    return {
      status: response.status, html,
      detail: typeof body?.detail === 'string' ? body.detail : '',
      streams: response.ok || !Array.isArray(body?.streams) ? [] : body.streams.map(String),
      stream: response.ok ? body?.streams?.find((/** @type {Stream} */ stream) => stream.name === name) ?? null : null,
      cluster: response.ok && body ? clusterOf(body) : null,
    };
  } catch {
    return nothing; // the page already shows the lost connection
  }
}

/**
 * refusalIn returns what an answer refuses.
 * @param {Knock} answer
 * @param {boolean} key whether the stream is a key that the pattern allows, which need not exist yet
 * @returns {Refusal | null} null if this page may read the stream, or if that is not known
 */
export function refusalIn({ status, detail }, key) {
  if (status === 401) return 'token';
  if (status === 403) return 'scope';
  return status === 404 && !key && detail !== '' ? 'unknown' : null; // without a detail it is from somebody in between
}

/**
 * signIn puts a token into a cookie, which no script can read.
 * @param {string} token
 * @param {string} name of a stream for which it is
 * @returns {Promise<string>} what went wrong, as a sentence; empty if nothing did
 */
export async function signIn(token, name) {
  if (!/^[\x21-\x7e]+$/.test(token)) return 'A token has no spaces, and no letters beyond ASCII.';
  try {
    const response = await fetch('api/login', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    if (!response.ok) return await response.json().then(({ detail }) => String(detail), () => `The server answered ${response.status}.`);
  } catch {
    return 'The server could not be reached.';
  }
  if ((await knock(name)).status !== 401) return '';
  return 'The browser did not keep the cookie. It keeps none over plain HTTP, except on this machine: open this page by HTTPS.';
}

/**
 * explainRefusal returns a heading, and what to do.
 * @param {Refusal} refusal
 * @param {boolean} ended whether the page could read the stream until now
 * @param {string} name of the stream
 */
export function explainRefusal(refusal, ended, name) {
  switch (refusal) {
    case 'scope': return { heading: 'The token does not allow this stream', todo: 'Sign in with another token.' };
    case 'unknown': return { heading: `There is no stream “${name}” here`, todo: 'It may have been renamed or removed. This page shows it as soon as there is one.' };
    default: return {
      heading: ended ? 'The sign-in has ended' : 'This stream needs a token',
      todo: 'Paste a token to sign in. The operator of this server makes them.',
    };
  }
}
