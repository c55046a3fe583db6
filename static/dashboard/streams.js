/** The choice of a stream. */

import { isKey } from '../client/keys.js';

/** The stream of an address that names none. */
export const DEFAULT = 'default';

/**
 * @typedef {object} Stream
 * @property {string} name
 * @property {string | null} match the pattern (RE2) of the keys of a keyed stream; null for any other stream
 */

/**
 * streams fetches the list of all streams. A keyed stream, whose keys are streams of their own, is one of them.
 * @returns {Promise<Stream[]>} empty if the server does not answer
 */
export async function streams() {
  try {
    const response = await fetch('api/streams');
    if (!response.ok) return [];
    /** @type {{ streams: { name: string, keys?: { match?: string } | null }[] }} */
    const { streams } = await response.json();
    return streams.map(({ name, keys }) => ({ name, match: keys?.match ?? null }));
  } catch {
    return []; // the dashboard already shows the lost connection
  }
}

/**
 * elsewhere returns the stream to show instead of an unknown one; null if the chosen one is known.
 * @param {string[]} all
 * @param {string | null} chosen null for the default stream
 */
export function elsewhere(all, chosen) {
  if (chosen !== null || all.length === 0 || all.includes(DEFAULT)) return null;
  return all.find(name => !name.startsWith('_')) ?? all[0];
}

/**
 * keyedBy returns the keyed stream to which a name belongs: `prices` for `prices` and for `prices/BTC`.
 * @param {Stream[]} all
 * @param {string | null} chosen
 * @returns {Stream | null} null if there is none
 */
export function keyedBy(all, chosen) {
  const [name] = (chosen ?? '').split('/', 1);
  return all.find(stream => stream.match !== null && stream.name === name) ?? null;
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
 * fill lists the streams, if there are several.
 * @param {HTMLSelectElement} select
 * @param {Stream[]} all
 * @param {string | null} chosen
 */
export function fill(select, all, chosen) {
  const current = keyedBy(all, chosen)?.name ?? chosen ?? DEFAULT;
  select.replaceChildren(...all.map(({ name, match }) =>
    new Option(match === null ? name : `${name}/…`, name, false, name === current)));
  if (select.parentElement) select.parentElement.hidden = all.length < 2;
}
