/** The query of a stream's URL, relative or absolute. */

/** @import { Settings } from './options.js' */

const DEFAULT = 'default'; // the stream of a URL that names none

/**
 * connectionUrl is the URL of the next connection of a stream, with parameters for heartbeats and for the position.
 * @param {string} url
 * @param {Pick<Settings, 'heartbeat' | 'resumeParam'>} options
 * @param {string | null} id after which to resume; empty removes the one in the URL, and null keeps it
 */
export function connectionUrl(url, { heartbeat, resumeParam }, id) {
  return withQuery(url, {
    ...(heartbeat && { heartbeat: 'event' }),
    // Pollux has two names for the ID.
    ...(resumeParam && id !== null && { last_event_id: null, lastEventId: null, [resumeParam]: id || null }),
  });
}

/**
 * withQuery sets query parameters of a URL, relative or absolute, and leaves the rest unchanged. It removes a parameter
 * that is null.
 * @param {string} url
 * @param {Record<string, string | null>} params
 */
export function withQuery(url, params) {
  const [path, ...query] = url.split('#', 1)[0].split('?'); // a fragment never reaches a server
  const pairs = query.join('?').split('&').filter(pair => pair && !Object.hasOwn(params, [...new URLSearchParams(pair).keys()][0]));
  for (const [name, value] of Object.entries(params)) {
    if (value !== null) pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }
  return pairs.length ? `${path}?${pairs.join('&')}` : path;
}

/**
 * streamNames lists the streams that a URL names, by `stream=a,b` or `stream=a&stream=b`. With several streams, the
 * events have names.
 * @param {string} url
 */
export function streamNames(url) {
  const names = new Set(queryOf(url).getAll('stream').join().split(',').filter(Boolean));
  return names.size ? [...names] : [DEFAULT];
}

/**
 * wantsDeltas reports whether a URL asks for deltas instead of whole documents, by `mode=patch` or `mode=merge`.
 * @param {string} url
 */
export function wantsDeltas(url) {
  return /^(patch|merge)$/i.test(queryOf(url).get('mode') ?? '');
}

/**
 * queryOf returns the query of a URL, parsed. It throws TypeError for an invalid URL.
 * @param {string} url
 */
export function queryOf(url) {
  return new URL(url, 'http://localhost').searchParams; // of a relative one, which has another base, only the query counts
}
