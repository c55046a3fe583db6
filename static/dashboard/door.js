/** Whether this page may read a stream, and what to do if it may not. */

import { inQuery } from './snippet.js';

/**
 * What a server says of a stream that it does not let this page read: `token` if it wants one, or another one; `scope` if
 * the token of this browser does not allow the stream.
 * @typedef {'token' | 'scope'} Refusal
 */

/** What the state is called, instead of Closed. */
export const NAMES = { token: 'Token needed', scope: 'Not allowed' };

/**
 * knock asks why a stream was refused, which EventSource does not say.
 * @param {string} name of the stream
 * @returns {Promise<Refusal | null>} null if this page may read it, or if that is not known
 */
export async function knock(name) {
  try {
    const { status } = await fetch(`api/streams?stream=${inQuery(name)}`, { cache: 'no-store' });
    return status === 401 ? 'token' : status === 403 ? 'scope' : null;
  } catch {
    return null; // the dashboard already shows the lost connection
  }
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
  if (await knock(name) !== 'token') return '';
  return 'The browser did not keep the cookie. It keeps none over plain HTTP, except on this machine: open this page by HTTPS.';
}

/**
 * explainRefusal returns a heading, and what to do.
 * @param {Refusal} refusal
 * @param {boolean} ended whether the page could read the stream until now
 */
export function explainRefusal(refusal, ended) {
  if (refusal === 'scope') return { heading: 'The token does not allow this stream', todo: 'Sign in with another token.' };
  return {
    heading: ended ? 'The sign-in has ended' : 'This stream needs a token',
    todo: 'Paste a token to sign in. The operator of this server makes them.',
  };
}

/**
 * listOpen shows the streams that this page may read, each as a link.
 * @param {HTMLElement} element
 * @param {string[]} names
 */
export function listOpen(element, names) {
  const links = names.map(name => Object.assign(document.createElement('a'), { href: `?stream=${inQuery(name)}`, textContent: name }));
  element.replaceChildren('Open to you: ', ...links.flatMap((link, n) => (n === 0 ? [link] : [', ', link])));
  element.hidden = names.length === 0;
}
