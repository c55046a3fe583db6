/** The state of the stream, explained. */

import { EXPIRED } from '../client/signals.js';
import { MEANINGS } from '../client/words.js';
import { clock } from './time.js';

/** @import { EventStream } from '../client/pollux.js' */
/** @import { Reset } from '../client/types.js' */

/**
 * explain returns a sentence or two about the state of a stream.
 * @param {Pick<EventStream, 'state' | 'status' | 'error' | 'value'>} stream
 */
export function explain({ state, status, error, value }) {
  const kept = value === undefined ? '' : ' The last good value stays on show.';
  const success = clock(status?.lastSuccess);
  const last = success ? ` It last answered at ${success}.` : '';
  const cause = status?.error ? ` (${status.error})` : '';
  if (status?.error === EXPIRED) return `The sign-in has ended.${kept}`;
  switch (state) {
    case 'live': return error ? error.message : 'Each change appears here as soon as the server has it.';
    case 'stale':
    case 'down': return `${MEANINGS[state]}${cause}.${last}${kept}`;
    case 'reconnecting': return `${error?.message ?? `${MEANINGS[state]}.`}${kept}`;
    default: return `${MEANINGS[state]}.`;
  }
}

/**
 * gap returns a sentence or two about documents that did not come.
 * @param {Pick<Reset, 'reason' | 'skipped'>} reset
 */
export function gap({ reason, skipped }) {
  if (reason !== 'skipped') return `Some events were missed (${reason}). The newest document follows.`;
  if (skipped === 1) return '1 older document was skipped.';
  return skipped === null ? 'Older documents were skipped.' : `${skipped.toLocaleString('en')} older documents were skipped.`;
}

/**
 * countdown returns words for the time until the next try.
 * @param {number | null} nextRetryAt milliseconds since 1970; null if only the browser knows
 * @param {number} now
 * @returns {string} empty for null
 */
export function countdown(nextRetryAt, now) {
  if (nextRetryAt === null) return '';
  const seconds = Math.ceil((nextRetryAt - now) / 1000);
  return seconds > 0 ? `Next try in ${seconds} s` : 'Trying now…';
}
