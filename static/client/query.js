/** The query of a stream's URL, relative or absolute. */

/** @import { Settings } from './options.js' */

const DEFAULT = 'default'; // the stream of a URL that names none
const ID_PARAMS = ['last_event_id', 'lastEventId']; // of Pollux

/**
 * connectionUrl is the URL of the next connection of a stream, with parameters for heartbeats and for the position.
 * @param {string} url
 * @param {Pick<Settings, 'heartbeat' | 'resumeParam'>} options
 * @param {string | null} id after which to resume; empty removes the one in the URL, and null keeps it
 */
export function connectionUrl(url, { heartbeat, resumeParam }, id) {
  /** @type {Record<string, string | null>} */
  const params = {};
  if (heartbeat) params.heartbeat = 'event';
  if (resumeParam && id !== null) {
    for (const name of ID_PARAMS) params[name] = null;
    params[resumeParam] = id || null;
  }
  return withQuery(url, params);
}

/**
 * resumes reports whether a connection with this URL resumes after an ID.
 * @param {string} url
 * @param {Pick<Settings, 'resumeParam'>} options
 */
export function resumes(url, { resumeParam }) {
  const query = queryOf(url);
  return [...ID_PARAMS, resumeParam].some(name => query.get(name));
}

/**
 * withQuery sets query parameters of a URL, relative or absolute, and leaves the rest unchanged. It removes a parameter
 * that is null.
 * @param {string} url
 * @param {Record<string, string | null>} params
 */
export function withQuery(url, params) {
  const [address] = url.split('#', 1); // a fragment never reaches a server
  const mark = address.indexOf('?');
  const path = mark < 0 ? address : address.slice(0, mark);
  const pairs = mark < 0 ? [] : address.slice(mark + 1).split('&').filter(pair => {
    const [name] = new URLSearchParams(pair).keys();
    return name !== undefined && !Object.hasOwn(params, name);
  });
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
  const names = new Set(queryOf(url).getAll('stream').flatMap(value => value.split(',')).filter(Boolean));
  return names.size > 0 ? [...names] : [DEFAULT];
}

/**
 * wantsDeltas reports whether a URL asks for deltas instead of whole documents, by `mode=patch` or `mode=merge`.
 * @param {string} url
 */
export function wantsDeltas(url) {
  return ['patch', 'merge'].includes(queryOf(url).get('mode')?.toLowerCase() ?? '');
}

/**
 * queryOf returns the query of a URL, parsed.
 * @param {string} url
 */
export function queryOf(url) {
  return new URLSearchParams(url.split('#', 1)[0].split('?').slice(1).join('?'));
}
