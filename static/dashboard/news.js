/** What to show first: the value that says most, chosen by what changes. */

import { numberIn } from './kinds.js';
import { nameIn, segments } from './paths.js';

/** @import { Kind } from './kinds.js' */
/** @import { Track } from './tracks.js' */

/** How much a change of a value of that kind says. @type {Readonly<Record<Kind, number>>} */
export const WEIGHTS = { state: 3, boolean: 2.6, number: 2, text: 1.2, null: 1, time: 0.02, id: 0.05, object: 1, array: 0.8 };
/** Names of what people look for. */
export const TELLING = /price$|^(?:value|reason|last|close|rate|status|state|phase|conclusion|indicator|temperature\w*|temp|level|score|mag|message|description|availability|health|stargazerCount|num_bikes_available|load)$/i;
/** Names of what changes without saying anything about the thing itself. */
export const ASIDE = /remaining|_?units\b|rate_?limit|quota|cost|generation|elapsed|took|duration_ms|processing|latency_ms|request_?id|sequence|offset|cursor|etag|ttl|uptime|counter$|color$|icon$|pending|current_?page/i;
const FRESH = 600_000; // milliseconds for which a rare change is news
const AHEAD = 1.3; // by which another value must say more to take the place of the one on show

/**
 * weightOf is how much a change of a value says, whenever it was.
 * @param {Kind} kind
 * @param {string} path
 */
export function weightOf(kind, path) {
  return WEIGHTS[kind] * (TELLING.test(nameIn(path)) ? 1.25 : 1) * (ASIDE.test(path) ? 0.2 : 1);
}

/**
 * worth is how much a value says now: 0 for one that says nothing.
 * @param {Track} track
 * @param {number} now
 * @param {number} events since somebody looks
 */
export function worth(track, now, events) {
  const { path, kind, type, changes, first, at, seq, among, value, from } = track;
  const share = Math.min(1, changes / Math.max(events - first + 1, 1));
  const news = 0.3 + 0.7 * Math.max(0, 1 - (now - at) / FRESH);
  let worth = weightOf(kind, path);
  if (among > 0) worth = (kind === 'object' ? 2.7 : 1.5) * (type === 'remove' ? 0.5 : 1); // an element that comes or goes
  else if (type === 'remove') worth *= 0.6;
  if (kind === 'number' && type === 'change') worth *= 0.6 + 0.4 * share + 0.15 * move(from, value); // one that keeps changing stays on show
  else worth *= news * (1 - 0.06 * Math.min(events - seq, 8)) * (share > 0.5 && changes > 4 ? 0.4 : 1); // a text of which every event has another one is no state
  return worth * 0.97 ** segments(path).length;
}

/**
 * How far a number has moved: 1 for a twentieth of itself and more.
 * @param {any} from
 * @param {any} to
 */
function move(from, to) {
  const [a, b] = [numberIn(from), numberIn(to)];
  return a && b !== null ? Math.min(1, Math.abs((b - a) / a) * 20) : 0;
}

/** Choice is the value on show. A number stays until another value says clearly more; anything else gives way to newer news. */
export class Choice {
  #path = '';

  /**
   * The values that say most, the one on show first.
   * @param {Iterable<Track>} tracks
   * @param {number} now
   * @param {number} events
   * @param {number} most
   * @returns {Track[]}
   */
  rank(tracks, now, events, most) {
    const ranked = [...tracks].map(track => ({ track, worth: worth(track, now, events) * (track.path === this.#path && track.kind === 'number' ? AHEAD : 1) }))
      .filter(({ worth }) => worth > 0.1)
      .sort((a, b) => b.worth - a.worth || b.track.at - a.track.at || (a.track.path < b.track.path ? -1 : 1));
    this.#path = ranked[0]?.track.path ?? '';
    return ranked.slice(0, most).map(({ track }) => track);
  }
}
