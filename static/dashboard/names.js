/** The names of streams, and of the keys of keyed streams. */

import { isKey } from '../client/keys.js';

/** The stream of an address that names none. */
export const DEFAULT = 'default';

/**
 * What `/api/streams` has of a stream; docs/openapi.yaml describes the members. A server can leave out each but the name.
 * @typedef {object} Stream
 * @property {string} name
 * @property {'live' | 'stale' | 'down'} [state]
 * @property {string | null} [since]
 * @property {string | null} [every] null: only published to
 * @property {number | null} [clients]
 * @property {number | null} [events]
 * @property {string | null} [lastSuccess]
 * @property {string | null} [nextPoll]
 * @property {number | null} [requests]
 * @property {string | null} [error]
 * @property {number | null} [age] seconds since `lastSuccess`
 * @property {number | null} [requestsSaved]
 * @property {boolean} [idle]
 * @property {boolean} [waiting]
 * @property {string | null} [notBefore]
 * @property {string | null} [notBeforeReason]
 * @property {string} [polledBy]
 * @property {{match: string, count?: number | null, watched?: number | null} | null} [keys]
 */

/**
 * inQuery encodes the name of a stream for a URL in code: without a quote, which would end a string of the shell or of
 * JavaScript, and with the slash before a key, which a query may have.
 * @param {string} name
 */
export function inQuery(name) {
  return encodeURIComponent(name).replaceAll("'", '%27').replaceAll('%2F', '/');
}

/**
 * address is the address of the page of a stream.
 * @param {string} name
 */
export function address(name) { return `?stream=${inQuery(name)}`; }

/**
 * endpointOf is the path of a stream, relative to the page.
 * @param {string} name
 */
export function endpointOf(name) { return name === DEFAULT ? 'api/sse' : `api/sse?stream=${inQuery(name)}`; }

/**
 * only returns the stream to show when an address names none: the only one there is; null if there are several.
 * @param {Stream[]} all
 */
export function only(all) {
  const shown = all.filter(({ name }) => !name.startsWith('_'));
  const [first] = shown.length > 0 ? shown : all;
  return shown.length < 2 && first ? first.name : null;
}

/**
 * keyedBy returns the keyed stream to which a name belongs: `prices` for `prices` and for `prices/BTC`.
 * @param {Stream[]} all
 * @param {string} chosen
 * @returns {Stream | null} null if there is none
 */
export function keyedBy(all, chosen) {
  const [name] = chosen.split('/', 1);
  return all.find(stream => stream.keys && stream.name === name) ?? null;
}

/**
 * keyIn returns the key in the name of a stream; empty if it has none.
 * @param {string} name
 */
export function keyIn(name) {
  return name.includes('/') ? name.slice(name.indexOf('/') + 1) : '';
}

/**
 * fits reports whether a key can be one of a keyed stream. A pattern that means nothing to a browser is left to the server.
 * @param {string} key
 * @param {string} match
 */
export function fits(key, match) {
  if (!isKey(key)) return false;
  try {
    return new RegExp(`^(?:${match})$`, 'u').test(key);
  } catch {
    return true;
  }
}

/**
 * milliseconds returns a duration of Go, such as `1m30s` or `500ms`; null if it is none.
 * @param {string | null | undefined} text
 */
export function milliseconds(text) {
  const units = /** @type {Record<string, number>} */ ({ ns: 1e-6, µs: 1e-3, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 });
  const parts = [...(text ?? '').matchAll(/([\d.]+)(ns|µs|us|ms|s|m|h)/g)];
  return parts.length > 0 ? parts.reduce((sum, [, n, unit]) => sum + Number(n) * units[unit], 0) : null;
}
